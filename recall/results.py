"""What a recall gives back. Plain values: `msgspec.json.encode` makes JSON of all of them.

Nothing found and not looked are different things: what did not answer is in `missing`, with the reason's class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

LATE = "DeadlineExceeded"
NOT_CONFIGURED = "NotConfigured"


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a message that a memory was taken from."""

    message_id: str
    session_id: str
    text: str


@dataclass(frozen=True, slots=True)
class RecalledMemory:
    """A fact that holds since `since`; or held until `until`, where it was asked `as_of` a time before that.

    `event_start` and `event_end` are dates of what it tells of, ISO 8601. `score` is the sum of `scores`: what
    each search and each boost gave; scores compare within one recall only.
    """

    id: str
    text: str
    kind: str
    since: datetime
    stated_at: datetime
    until: datetime | None
    event_start: str | None
    event_end: str | None
    session_id: str
    score: float
    scores: Mapping[str, float]
    sources: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class RecalledTurn:
    """A message as it stands in `text`: without its secrets, on one line, cut where it is long.

    `at` is in the speaker's time zone. `scores` as a memory's.
    """

    message_id: str
    session_id: str
    at: datetime
    role: str
    speaker: str
    text: str
    score: float
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Missing:
    """A part that gave nothing, and why: `LATE`, `NOT_CONFIGURED`, or the class of a failure."""

    part: str
    reason: str


@dataclass(frozen=True, slots=True)
class Considered:
    """Something that was found, and whether there was room for it."""

    id: str
    text: str
    scores: Mapping[str, float]
    taken: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that was found, the best first, and what each part took."""

    memories: tuple[Considered, ...]
    turns: tuple[Considered, ...]
    took_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Recalled:
    """`text` is a block ready for a prompt, within the tokens that were asked for; empty if nothing was found.

    `memories` come the best first, `turns` the oldest first, both as far as they stand in `text`.
    """

    text: str
    tokens: int
    memories: tuple[RecalledMemory, ...] = ()
    turns: tuple[RecalledTurn, ...] = ()
    missing: tuple[Missing, ...] = ()
    explanation: Explanation | None = field(default=None)
