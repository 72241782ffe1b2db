"""Where forgetting looks in Redis, key by key, what it takes and what it leaves; and the receipts it gives."""

from dataclasses import replace
from typing import Any, cast

import msgspec
import pytest
from redis import Redis

from tablestore_memory.protocol.events import Forget, Message, encode
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.consolidation.journal import Journal
from tablestore_memory.worker.extract.facts import Found
from tablestore_memory.worker.extract.plans import Plan, Plans
from tablestore_memory.worker.forget.in_flight import InFlight
from tablestore_memory.worker.forget.receipts import DeletionReceipts
from tablestore_memory.worker.forget.scope import Scope
from tablestore_memory.worker.forget.traces import Traces
from tablestore_memory.worker.indexing.unindexed import MemoryRef, UnindexedMemories
from tablestore_memory.worker.sessions.due import DueSessions, member
from tablestore_memory.worker.state.attempts import AttemptLog
from tablestore_memory.worker.state.dead_letters import DeadLetters
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS, state_streams
from tablestore_memory.worker.state.tombstones import peek
from tablestore_memory.worker.stores.memory import Memory
from tablestore_memory.worker.stores.messages import MessageRow

DAY_S = 86_400


class Place:
    """One deployment's keys."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis = redis
        self.streams = state_streams(prefix)
        self.in_flight = InFlight(redis, self.streams)
        self.receipts = DeletionReceipts(redis, self.streams)
        self.due = DueSessions(redis, self.streams)
        self.unindexed = UnindexedMemories(redis, self.streams)
        self.plans = Plans(redis, self.streams)
        self.journal = Journal(redis, self.streams)
        self.traces = Traces(redis, self.streams, self.plans, self.journal, self.unindexed)

    def put(self, raw: bytes, stream: str = "events", partition: int = 0, **fields: Any) -> str:
        """Received at 1,000 ms, unless it is said otherwise. Returns the entry's id."""
        entry: Any = {EVENT_FIELD: raw, "received_ms": 1_000, **fields}
        return cast(bytes, self.redis.xadd(self.streams.key(partition, stream), entry)).decode()

    def left(self, stream: str = "events", partition: int = 0) -> list[str]:
        found: Any = self.redis.xrange(self.streams.key(partition, stream))
        return [entry.decode() for entry, _ in found]


@pytest.fixture
def place(redis: Redis, fresh_name: str) -> Place:
    return Place(redis, fresh_name)


def said(user: str, session: str) -> bytes:
    ids: Any = {"event_id": "e", "message_id": "m", "user_id": user, "session_id": session}
    return encode(Message(created_at=1, role="user", content="Tea.", **ids))


ANA = Scope("ana", None, 1_000)
ANAS_S = Scope("ana", "s", 1_000)


@pytest.mark.parametrize(("scope", "stay"), [(ANA, [2]), (ANAS_S, [1, 2])])
def test_events_of_the_user_go_in_one_session_or_in_all(
    place: Place, scope: Scope, stay: list[int]
) -> None:
    entries = [place.put(said(*whom)) for whom in (("ana", "s"), ("ana", "t"), ("bo", "s"))]

    counts, held = place.in_flight.forget(scope)

    gone = 3 - len(stay)
    assert (counts, held) == ({"events": gone, "requests": 0, "dead_letters": 0}, 0)
    assert place.left() == [entries[number] for number in stay]


def test_streams_of_every_partition_are_looked_through(place: Place) -> None:
    for partition in (0, 3, STATE_PARTITIONS + 7):
        place.put(said("ana", "s"), "events", partition)
    for partition in (1, 4):
        place.put(said("ana", "s"), "requests", partition)
    place.put(said("ana", "s"), "dead", 5)

    counts, held = place.in_flight.forget(ANA)

    assert (counts, held) == ({"events": 3, "requests": 2, "dead_letters": 1}, 0)
    assert place.in_flight.forget(ANA)[0] == {"events": 0, "requests": 0, "dead_letters": 0}


def test_what_was_received_later_stays(place: Place) -> None:
    place.put(said("ana", "s"), received_ms=1_000)
    later = place.put(said("ana", "s"), received_ms=1_001)

    counts, _ = place.in_flight.forget(ANA)

    assert counts["events"] == 1
    assert place.left() == [later]


def test_requests_to_forget_stay(place: Place) -> None:
    asked = place.put(encode(Forget(event_id="f", user_id="ana", created_at=1)), "requests")

    place.in_flight.forget(ANA)

    assert place.left("requests") == [asked]


def test_session_that_was_given_up_goes_whenever_that_was(place: Place) -> None:
    dead = DeadLetters(place.redis, place.streams)
    for queue in ("extract", "ingest"):
        dead.add(2, event=b'{"user_id": "ana", "session_id": "s"}', reason="-", queue=queue)

    counts, _ = place.in_flight.forget(ANA)

    (left,) = dead.all()
    assert counts["dead_letters"] == 1
    assert left.queue == "ingest"  # received when it was added: later


def test_many_go_as_well_as_few(place: Place) -> None:
    place.in_flight = replace(place.in_flight, at_once=3)
    for stream in ("events", "requests"):
        for _ in range(10):
            place.put(said("ana", "s"), stream)

    counts, _ = place.in_flight.forget(ANA)

    assert counts == {"events": 10, "requests": 10, "dead_letters": 0}
    assert (place.left(), place.left("requests")) == ([], [])


def test_events_that_a_drain_may_have_in_hand_are_left_and_counted(place: Place) -> None:
    place.in_flight = replace(place.in_flight, at_once=3, most_held=4)
    place.redis.set(place.streams.key(0, "lease"), "a drain's")
    for stream in ("events", "requests", "dead"):
        for _ in range(6):
            place.put(said("ana", "s"), stream)
    place.put(said("ana", "s"), partition=1)
    front = place.left()[:4]

    counts, held = place.in_flight.forget(ANA)

    assert (counts, held) == ({"events": 3, "requests": 6, "dead_letters": 6}, 4)
    assert place.left() == front


@pytest.mark.parametrize(
    ("raw", "whole", "session"),
    [
        (b'{"user_id": "ana", "session_id": "s", "score": NaN}', True, True),
        (b'{"user_id": "ana", "session_id": "t", "score": NaN}', True, False),
        (b'{"user_id" :  "ana", "session_id": "s", "cut off', True, True),
        (b'{"user_id": "ana", "session_id": "t", "cut off', True, False),
        (b'{"user_id": "ana", "cut off', True, False),
        (b'{"user_id": "bo", "session_id": "s", "text": "ana', False, False),
        (b'{"user_id": "ana", "type": "forget"}', False, False),
        (b'{"user_id": "ana", "text": "\\ud800"}', True, False),
        (b'{"user_id": "ana", "text": "\xff"}', True, False),
        (b'["ana"]', False, False),
        (b"[" * 100_000, False, False),
        (b"", False, False),
    ],
)
def test_malformed_entry_goes_if_it_says_whose_it_is(
    place: Place, raw: bytes, whole: bool, session: bool
) -> None:
    place.put(raw)

    of_session, _ = place.in_flight.forget(ANAS_S)
    of_user, _ = place.in_flight.forget(ANA)

    assert of_session["events"] == int(session)
    assert of_session["events"] + of_user["events"] == int(whole)


@pytest.mark.parametrize("written", [b'"J\xc3\xb6rg"', b'"J\\u00f6rg"'])
def test_name_in_a_text_that_is_cut_off_is_found_in_either_way_of_writing(
    place: Place, written: bytes
) -> None:
    place.put(b'{"user_id": %s, "text": "cut off' % written)

    counts, _ = place.in_flight.forget(Scope("Jörg", None, 1_000))

    assert counts["events"] == 1


def test_name_is_no_pattern(place: Place) -> None:
    place.put(b'{"user_id": "ana", "text": "cut off')

    counts, _ = place.in_flight.forget(Scope("a.a", None, 1_000))

    assert counts["events"] == 0


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type": "t", "user_id": "u", "session_id": "s"}',
        b'{"type": "t", "user_id": "u", "session_id": "s", "x": NaN}',
    ],
)
def test_peek_tells_type_user_and_session_however_leniently_read(raw: bytes) -> None:
    said = peek(raw)

    assert said is not None
    assert (said.type, said.user_id, said.session_id) == ("t", "u", "s")


@pytest.mark.parametrize("raw", [b"NaN", b"[NaN]", b"{", b"\xff", b"[" * 100_000])
def test_peek_tells_nothing_of_what_is_no_object(raw: bytes) -> None:
    assert peek(raw) is None


def test_scope_is_one_session_or_all_up_to_its_receipt() -> None:
    def covers(received_ms: int | None) -> bool:
        columns = {} if received_ms is None else {"received_ms": received_ms}
        return ANAS_S.covers_message(MessageRow("s", 1, "m", columns, 0))

    assert [ANAS_S.in_session("s"), ANAS_S.in_session("t"), ANAS_S.in_session(None)] == [
        *(True, False, False)
    ]
    assert ANA.in_session("s") and ANA.in_session(None)
    assert [covers(None), covers(1_000), covers(1_001)] == [True, True, False]
    assert ANAS_S.covers(Memory("ana", "Tea.", "s", received_ms=1_000))
    assert not ANAS_S.covers(Memory("ana", "Tea.", "t", received_ms=1_000))
    assert not ANAS_S.covers(Memory("ana", "Tea.", "s", received_ms=1_001))
    assert ANA.covers(Memory("ana", "Tea.", "t", received_ms=1_000))


def test_receipt_adds_up_over_attempts_and_is_given_once_it_is_verified(place: Place) -> None:
    receipts = place.receipts
    started = [receipts.started("f")]
    receipts.add("f", {"messages": 3, "events": 0})
    started.append(receipts.started("f"))
    receipts.add("f", {"messages": 2})
    receipts.note("f", "unowned", 4)
    receipts.note("f", "unowned", 4)
    before = receipts.finished("f")

    receipt = receipts.finish("f")

    whole = {"messages": 5, "events": 0, "unowned": 4, "verified": True}
    assert started == [False, True]
    assert before is None
    assert receipt == receipts.finished("f") == whole
    assert receipts.finished("other") is None


def test_receipt_is_kept_for_a_day_from_the_last_word_and_tells_of_nobody(place: Place) -> None:
    receipts, streams = place.receipts, place.streams

    receipts.add("ana-f", {"messages": 3})
    (key,) = place.redis.scan_iter(f"{streams.prefix}:*")
    ages = [place.redis.ttl(key)]
    for word in (
        lambda: receipts.add("ana-f", {"messages": 1}),
        lambda: receipts.note("ana-f", "unowned", 1),
        lambda: receipts.finish("ana-f"),
    ):
        place.redis.expire(key, 5)
        word()
        ages.append(place.redis.ttl(key))

    hash_tag = f"{{{streams.partition('ana-f')}}}:deletion:"
    assert key.decode().startswith(f"{streams.prefix}:{hash_tag}")
    assert b"ana" not in key
    assert len(key.decode().rpartition(":")[2]) == 32
    assert all(DAY_S - 60 < age <= DAY_S for age in ages)


def wait_in_all_ways(place: Place, user: str, session: str) -> None:
    """Waiting, taken, failed, given up, planned."""
    due, name = place.due, member(user, session)
    due.add(user, session, 1)
    due.begin(user, session)
    due.add(user, session, 1)
    log = AttemptLog(place.redis, Keys(place.streams).failed, first_s=1, longest_s=1)
    log.begin(place.streams.partition(session), name)
    keep_plan(place, user, session)
    due.give_up(user, session, "no answer")
    due.add(user, session, 1)


def keep_plan(place: Place, user: str, session: str, received_ms: int = 1_000) -> None:
    memory = Memory(user, "Tea.", session, received_ms=received_ms).identified()
    place.plans.keep(user, session, Plan(1, 2, Found((memory,))))


def test_sessions_of_the_user_are_found_wherever_there_is_any_of_them(place: Place) -> None:
    for number, key in enumerate(("pending", "active", "failed", "given-up", "plans")):
        session = f"s{number}"
        where = place.streams.key(place.streams.partition(session), key)
        place.redis.hset(where, member("ana", session).decode(), "x")
    place.redis.zadd(place.streams.key(31, "due"), {member("ana", "s5"): 1})
    place.due.add("bo", "s6", 1)

    found = place.traces.session_ids(ANA)

    assert found == {f"s{number}" for number in range(6)}
    assert place.traces.session_ids(ANAS_S) == {"s"}


def test_all_of_a_session_goes_and_is_counted(place: Place) -> None:
    for user, session in (("ana", "s"), ("ana", "t"), ("bo", "s")):
        wait_in_all_ways(place, user, session)

    counts = place.traces.forget_sessions("ana", ["s"])

    assert counts == {"plans": 1, "waiting": 5}
    assert place.traces.session_ids(ANA) == {"t"}
    assert place.traces.session_ids(Scope("bo", None, 1)) == {"s"}
    assert place.traces.forget_sessions("ana", ["s"]) == {"plans": 0, "waiting": 0}
    assert place.traces.forget_sessions("ana", ["s", "t", "u"]) == {"plans": 1, "waiting": 5}


def test_plan_is_covered_if_what_it_was_found_in_is(place: Place) -> None:
    keep_plan(place, "ana", "covered", received_ms=1_000)
    keep_plan(place, "ana", "later", received_ms=1_001)
    place.plans.keep("ana", "empty", Plan(1, 2, Found(())))
    for session, raw in (("another release", b"\xff"), ("no plan", msgspec.msgpack.encode(7))):
        key = place.streams.key(place.streams.partition(session), "plans")
        place.redis.hset(key, member("ana", session).decode(), raw)

    sessions = ("covered", "later", "empty", "another release", "no plan", "none")
    covered = {session for session in sessions if place.traces.has_covered_plan(ANA, session)}

    assert covered == {"covered", "another release", "no plan"}


def test_plans_that_are_dropped_are_those_of_the_sessions(place: Place) -> None:
    for user, session in (("ana", "s"), ("ana", "t"), ("ana", "u"), ("bo", "s")):
        keep_plan(place, user, session)

    assert place.traces.drop_plans("ana", ["s", "t"]) == 2

    left = [
        (user, session)
        for user in ("ana", "bo")
        for session in "stu"
        if place.plans.load(user, session)
    ]
    assert left == [("ana", "u"), ("bo", "s")]


def test_marks_of_memories_that_are_gone_go_and_those_of_the_others_stay(place: Place) -> None:
    place.unindexed.add("ana", ["stays", "gone", "gone too"])
    place.unindexed.add("bo", ["gone"])
    for user, document in (("ana", "stays"), ("ana", "gone"), ("bo", "gone")):
        for _ in range(2):
            announce(place, user, document)
    place.redis.zadd(Keys(place.streams).applied("ana"), {"plan": 1})

    counts = place.traces.forget_marks(ANA, ["stays"])

    assert counts == {"marks": 3, "announcements": 2}
    assert (place.unindexed.traces("ana"), place.unindexed.traces("bo")) == ({"stays"}, {"gone"})
    assert announced(place) == [("ana", "stays")] * 2 + [("bo", "gone")] * 2
    assert not place.journal.was_applied("ana", "plan")
    assert place.traces.forget_marks(ANA, ["stays"]) == {"marks": 0, "announcements": 0}


def announce(place: Place, user: str, document: str) -> None:
    fields: Any = {"user_id": user, "document_id": document, "lag_ms": 1}
    place.redis.xadd(Keys(place.streams).searchable(user), fields)


def announced(place: Place) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key in {Keys(place.streams).searchable(user) for user in ("ana", "bo")}:
        entries: Any = place.redis.xrange(key)
        found += [(told[b"user_id"].decode(), told[b"document_id"].decode()) for _, told in entries]
    return sorted(found)


@pytest.mark.parametrize(
    ("where", "begins_anew"),
    [(("ana", "s"), True), (("ana", "t"), False), (("bo", "s"), False), (None, False)],
)
def test_sweep_that_stands_at_the_session_begins_anew(
    place: Place, where: tuple[str, str] | None, begins_anew: bool
) -> None:
    raw: Any = msgspec.json.encode(where) if where else b""
    place.redis.set(Keys(place.streams).reconcile(), raw)

    counts = place.traces.forget_marks(ANAS_S, [])

    assert counts["marks"] == int(begins_anew)
    assert bool(place.redis.exists(Keys(place.streams).reconcile())) is not begins_anew


def test_memory_that_is_noted_in_a_part_of_the_keys_only_is_forgotten(place: Place) -> None:
    partition = place.streams.partition("ana")
    place.redis.zadd(place.streams.key(partition, "written"), {MemoryRef("ana", "half").name: 1})

    assert place.traces.forget_marks(ANA, []) == {"marks": 1, "announcements": 0}
