"""Redis' URLs, as publishers and workers both take them. Knows no client.

    redis://user:password@host:6379/DB      rediss:// for TLS
    unix:///path/to/socket?db=DB
    redis+cluster://user:password@node1:6379,node2:6379
    redis+sentinel://user:password@sentinel1:26379,sentinel2:26379/SERVICE/DB

and the last two with `rediss+` for TLS. Options after `?` are redis-py's, in all of them; with Sentinel,
`sentinel_username` and `sentinel_password` are for the sentinels themselves.
"""

from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

SCHEMES = (
    *("redis", "rediss", "unix"),
    *("redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"),
)
_PORT, _SENTINEL_PORT = 6379, 26379


@dataclass(frozen=True)
class RedisUrl:
    """One URL taken apart; of user and password what the URL says, empty if nothing."""

    scheme: str
    nodes: tuple[tuple[str, int], ...]
    """Host and port of the server, of the cluster's nodes or of the sentinels; none for a socket."""
    socket: str
    """The path of a Unix socket."""
    service: str
    """What the sentinels call the server."""
    db: int
    username: str
    password: str
    query: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError, whose text holds nothing of the URL but its scheme."""
        scheme = url.partition("://")[0]
        if scheme not in SCHEMES:
            raise ValueError(f"must begin with one of {', '.join(f'{s}://' for s in SCHEMES)}")
        try:
            parts = urlsplit(url)
            credentials, _, places = parts.netloc.rpartition("@")
            nodes = () if scheme == "unix" else _nodes(places, is_sentinel(url))
        except ValueError:
            raise ValueError("names a host or a port that cannot be read") from None
        user, _, password = credentials.partition(":")
        options = dict(parse_qsl(parts.query))
        path = unquote(parts.path)
        service, _, db = path.strip("/").partition("/") if is_sentinel(url) else ("", "", path)
        if is_sentinel(url) and not service:
            raise ValueError("names no service: redis+sentinel://HOST:PORT/SERVICE/DB")
        return cls(
            scheme=scheme,
            nodes=nodes,
            socket=path if scheme == "unix" else "",
            service=service,
            db=_db(options.get("db") or ("" if scheme == "unix" else db.replace("/", ""))),
            # As redis-py has it: what stands before the @ comes first.
            username=unquote(user) or options.get("username", ""),
            password=unquote(password) or options.get("password", ""),
            query=parts.query,
        )

    @property
    def place(self) -> tuple[object, ...]:
        """Which data it leads to, and as whom: the same for all spellings, without password and options."""
        user = "" if self.username == "default" else self.username
        return (self.scheme, sorted(self.nodes), self.socket, self.service, self.db, user)


def is_cluster(url: str) -> bool:
    return url.partition("://")[0].endswith("+cluster")


def is_sentinel(url: str) -> bool:
    return url.partition("://")[0].endswith("+sentinel")


def _nodes(places: str, sentinels: bool) -> tuple[tuple[str, int], ...]:
    default = _SENTINEL_PORT if sentinels else _PORT
    found = [urlsplit(f"//{place}") for place in places.split(",")]
    return tuple((url.hostname or "localhost", url.port or default) for url in found)


def _db(name: str) -> int:
    if name and not (name.isascii() and name.isdecimal()):
        raise ValueError("names a database that is no number")
    return int(name or 0)
