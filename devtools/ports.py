"""Whether a port of this machine can be served on."""

import socket


def taken(port: int) -> bool:
    """Whether somebody serves on it; port 0 is any and never taken."""
    with socket.socket() as probe:
        # As servers do: connections that ended lately are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False
