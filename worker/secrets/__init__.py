"""Texts that hold a secret: recognised and masked. Does no I/O."""
