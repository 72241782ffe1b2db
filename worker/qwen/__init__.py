"""Qwen through DashScope: calls at a shared pace, answers of an asked shape, errors translated once."""
