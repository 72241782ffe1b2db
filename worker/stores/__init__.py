"""Tablestore: the tables, their rows in AgentScope Runtime's layout, and errors translated once."""
