"""How good the memories are, without a judge: from evidence ids, planted dates, updates and secrets."""
