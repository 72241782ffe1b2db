"""Moved to devtools/servers.py."""

from devtools.servers import Server, wait_until

__all__ = ["Server", "wait_until"]
