"""Where a service is, for people: of an address host and port are shown and no more, as the rest may be secret."""

from urllib.parse import urlsplit


def place_of(url: object) -> str:
    """Host and port of a URL, of each node if it names several; the path of a socket."""
    parts = urlsplit(str(url))
    places = [urlsplit(f"//{each}") for each in parts.netloc.rpartition("@")[2].split(",")]
    try:
        named = [f"{p.hostname}:{p.port}" if p.port else p.hostname or "" for p in places]
    except ValueError:  # a password that is not percent-encoded shifts what is what
        named = [""]
    if parts.scheme == "unix":
        return parts.path
    return ",".join(named) if all(named) else "the address that was given"
