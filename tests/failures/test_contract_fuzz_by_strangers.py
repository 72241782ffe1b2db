"""Strangers append whatever they like to a stream: each entry is stored or a dead letter, and bystanders in the
same partition are stored, extracted and searchable.

The entries go in through redis-cli where there is one, else through a plain socket: no client of ours has a say
about them. Hypothesis makes them, at the edges of the contract and beyond; the steps and the stores are real.
"""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any
from urllib.parse import urlsplit

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from devtools.deployment import Deployment
from devtools.extraction import confirm_all, extract_all, memory_rows
from devtools.servers import wait_until
from tablestore_memory.protocol.checks import MAX_DEPTH
from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.protocol.events import (
    MAX_EVENT_BYTES,
    DeleteMemory,
    EditMemory,
    Event,
    Forget,
    Message,
    Remember,
    SessionEnd,
    decode,
    encode,
)
from tests.failures.ingesting import dead, drain_all, message, texts, waiting
from tests.unit.test_contract_fuzz import MARK, ids, memories, messages, spoilt, values
from tests.unit.test_contract_fuzz import texts as said

Fields = list[tuple[bytes, bytes]]
PARTITION = 0
LIKES = ("tea", "chess", "hiking", "jazz", "sailing")
BYSTANDERS = 20  # of five messages each
ENTRIES = 300

NUMBERS = (
    *(b"0", b"-1", b"12", b"1e3", b"abc", b"", b"\xb2", b"18446744073709551616"),
    *(b"9" * 30, b"9" * 5_000),
)
SIZES = (MAX_EVENT_BYTES - 1, MAX_EVENT_BYTES, MAX_EVENT_BYTES + 1)
DEPTHS = (MAX_DEPTH - 2, MAX_DEPTH, MAX_DEPTH + 1, 1_000, 50_000)
NO_TEXT = (b"\xff", b"\0", b"\xed\xa0\x80", b"\x1b]")
AGAIN = (
    *(b'"user_id":"twice"', b'"type":"session_end"', b'"content":7', b'"created_at":1e999'),
    *(b'"created_at":' + b"9" * 5_000, b'"created_at":-0', b'"v":1.5', b'"v":2', b'"":0'),
)


def written(draft: dict[str, Any], as_ascii: bool) -> bytes:
    """As JSON of a writer that checks nothing."""
    return json.dumps(draft, ensure_ascii=as_ascii).encode(errors="surrogatepass")


def padded(raw: bytes, size: int) -> bytes:
    """To so many bytes, by a field that nobody knows."""
    pad = size - len(raw) - len(b',"x":""')
    return raw[:-1] + b',"x":"' + b"a" * pad + b'"}' if pad > 0 else raw


def nested(raw: bytes, levels: int) -> bytes:
    return raw[:-1] + b',"metadata":{"x":' + b"[" * levels + b"]" * levels + b"}}"


def cut(raw: bytes, part: float) -> bytes:
    return raw[: int(len(raw) * part)]


def with_bytes(raw: bytes, part: float, what: bytes) -> bytes:
    return cut(raw, part) + what + raw[int(len(raw) * part) :]


def told_twice(raw: bytes, field: bytes) -> bytes:
    return raw[:-1] + b"," + field + b"}"


plain = st.fixed_dictionaries({"type": st.just("remember"), "user_id": ids, "text": said})
over = st.fixed_dictionaries({"type": st.just("session_end"), "user_id": ids, "session_id": ids})
# What a publisher of ours would add.
stamps = st.fixed_dictionaries(
    {
        "event_id": st.integers(0, 10**9).map(str),
        "message_id": ids,
        "created_at": st.integers(0, 9),
    }
)
events = st.builds(
    lambda stamp, draft, as_ascii: written({**stamp, **draft}, as_ascii),
    stamps,
    spoilt(messages | memories | plain | over),
    st.booleans(),
)
raws = st.one_of(
    events,
    events,
    st.builds(padded, events, st.sampled_from(SIZES)),
    st.builds(nested, events, st.sampled_from(DEPTHS)),
    st.builds(cut, events, st.floats(0, 1)),
    st.builds(with_bytes, events, st.floats(0, 1), st.sampled_from(NO_TEXT)),
    st.builds(told_twice, events, st.sampled_from(AGAIN)),
    st.builds(b"\xef\xbb\xbf".__add__, events),
    st.binary(max_size=40),
    values.map(lambda value: json.dumps(value).encode()),
)
numbers = st.sampled_from(NUMBERS)
entries: st.SearchStrategy[Fields] = st.one_of(
    raws.map(lambda raw: [(b"event", raw)]),
    raws.map(lambda raw: [(b"event", raw)]),
    st.builds(lambda raw, ms: [(b"event", raw), (b"waited_ms", ms)], raws, numbers),
    st.builds(lambda raw, ms: [(b"received_ms", ms), (b"event", raw)], raws, numbers),
    st.builds(lambda raw, other: [(b"event", other), (b"event", raw)], raws, raws),
    st.builds(lambda raw, name: [(name, raw)], raws, st.sampled_from([b"Event", b"", b"\xff"])),
)


def appended(url: str, stream: str, several: Sequence[Fields]) -> None:
    """XADD each, by a client that is not ours."""
    commands = [
        [b"XADD", stream.encode(), b"*", *(word for field in fields for word in field)]
        for fields in several
    ]
    sent = b"".join(
        b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        for words in commands
    )
    if shutil.which("redis-cli"):
        pipe = ["redis-cli", "-u", url, "--pipe"]
        answer = subprocess.run(pipe, input=sent, capture_output=True, check=True, timeout=60)
        assert b"errors: 0, replies: %d" % len(commands) in answer.stdout
    else:
        place = urlsplit(url)
        with socket.create_connection((place.hostname, place.port or 6379), timeout=60) as server:
            server.sendall(sent)
            answers = server.makefile("rb")
            for _ in commands:  # the length of an id, and the id
                assert answers.readline().startswith(b"$")
                answers.readline()


def bystanders(name: str) -> list[bytes]:
    """One after the other says what they like; then each conversation is over."""
    said = [
        encode(message(f"{name}-{number}", turn, f"I like {what}."))
        for turn, what in enumerate(LIKES)
        for number in range(BYSTANDERS)
    ]
    over = [
        encode(SessionEnd(event_id=f"{user}-over", user_id=user, session_id=user, created_at=9))
        for user in (f"{name}-{number}" for number in range(BYSTANDERS))
    ]
    return said + over


def among(hostile: Sequence[Fields], good: Sequence[bytes]) -> list[Fields]:
    """One hostile entry, then some good ones, and so on."""
    share = -(-len(good) // len(hostile))
    mixed: list[Fields] = []
    for number, fields in enumerate(hostile):
        some = good[number * share : (number + 1) * share]
        mixed += [fields, *([(b"event", raw)] for raw in some)]
    return mixed


def settle(deployment: Deployment) -> None:
    """Everything that workers do; a step that fails at an entry is a failure of the test."""
    drain_all(deployment, PARTITION)
    requests = deployment.services.streams.key(PARTITION, "requests")

    def done() -> bool:
        deployment.services.requests.process(PARTITION)
        return not deployment.services.redis.xlen(requests)

    wait_until(done, "all requests settled")
    extract_all(deployment)
    wait_until(lambda: not confirm_all(deployment), "all memories searchable")


def event_of(fields: Fields) -> Event | None:
    """What a reader takes it for; None if it is no event."""
    try:
        return decode(dict(fields).get(b"event", b""))
    except MalformedEvent:
        return None


def at_the_edges(name: str) -> Iterator[Fields]:
    """Of a good event, each thing that may be wrong with it by itself."""
    for number, field in product(NUMBERS, (b"waited_ms", b"received_ms")):
        yield [(field, number), (b"event", encode(message(name, 1)))]
    good = encode(message(name, 2))
    yield from ([(b"event", padded(good, size))] for size in SIZES)
    yield from ([(b"event", nested(good, levels))] for levels in DEPTHS)
    yield from ([(b"event", with_bytes(good, 0.9, what))] for what in NO_TEXT)
    yield from ([(b"event", told_twice(good, field))] for field in AGAIN)


def drawn() -> list[Fields]:
    """One by one: a list of so many is more than hypothesis makes at once."""
    found: list[Fields] = []

    @given(fields=entries)
    @settings(
        max_examples=ENTRIES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    def draw(fields: Fields) -> None:
        found.append(fields)

    draw()
    return found


def test_whatever_strangers_append_is_stored_or_dead_and_bystanders_are_served(
    undrained: Deployment, redis_url: str, fresh_name: str
) -> None:
    hostile = [*at_the_edges(f"{fresh_name}-edge"), *drawn()]
    gone = encode(Forget(event_id=f"{fresh_name}-f", user_id=f"{fresh_name}-gone", created_at=1))
    stream = undrained.services.streams.events(PARTITION)

    appended(redis_url, stream, among([*hostile, [(b"event", gone)]], bystanders(fresh_name)))
    settle(undrained)

    assert waiting(undrained, PARTITION) == 0
    letters = dead(undrained)
    assert all(letter.reason and letter.error for letter in letters)
    assert not any(MARK[0] in letter.reason for letter in letters)
    set_aside = {letter.event for letter in letters}
    kept = {memory.user_id for memory in memory_rows(undrained)}
    for fields in hostile:
        raw = dict(fields).get(b"event", b"")
        assert raw in set_aside or is_stored(undrained, event_of(fields), kept), fields
    for number in range(BYSTANDERS):
        user = f"{fresh_name}-{number}"
        assert texts(undrained, user) == [f"I like {what}." for what in LIKES]
        assert len(undrained.texts(user)) == len(LIKES)


def is_stored(deployment: Deployment, event: Event | None, kept: set[str]) -> bool:
    match event:
        case Message():
            said = deployment.services.sessions.messages(
                event.user_id, event.session_id, since=event.created_at
            )
            return any(one.message_id == event.message_id for one in said)
        case Remember():
            return event.user_id in kept
        case SessionEnd() | Forget() | EditMemory() | DeleteMemory():
            return True
        case None:
            return False
