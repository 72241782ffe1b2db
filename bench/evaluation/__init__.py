"""How good the memories are: from evidence ids, planted dates, updates and secrets, and recorded answers."""
