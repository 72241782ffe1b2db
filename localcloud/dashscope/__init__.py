"""A local DashScope: its wire protocol over a small set of rules. No language model."""
