"""Where forgetting looks in the tables, what it takes, leaves and counts, and when it says that it is done.

What is to be forgotten was received long ago here, so that nobody waits for the clock of the search index.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from devtools.deployment import Deployment
from devtools.extraction import waiting
from devtools.servers import wait_until
from tablestore_memory.protocol.events import Message, encode
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.extract.facts import Found
from tablestore_memory.worker.extract.plans import Plan
from tablestore_memory.worker.failures.errors import Busy, IndexBehind
from tablestore_memory.worker.forget import Forgetting, Scope
from tablestore_memory.worker.forget.forgetting import Look
from tablestore_memory.worker.forget.in_flight import InFlight
from tablestore_memory.worker.forget.messages import Left, StoredMessages
from tablestore_memory.worker.indexing.unindexed import MemoryRef
from tablestore_memory.worker.stores.memory import Memory, Source
from tablestore_memory.worker.stores.memory_index import MemoryIndex
from tablestore_memory.worker.stores.rows import RowWrite, message_row, session_row
from tablestore_memory.worker.stores.write import write_all
from tests.foreign import give_session, say_unowned

EARLY_MS, LATE_MS = 1_000, 2_000


class Home:
    """A user's sessions and memories, written as the worker writes them."""

    def __init__(self, deployment: Deployment, user: str) -> None:
        self.deployment, self.services, self.user = deployment, deployment.services, user
        self.step: Forgetting = deployment.services.forgetting
        self.event_id = f"{user}-f"
        self.dimension = deployment.settings.embedding_dimension

    def scope(self, session: str | None = None) -> Scope:
        return Scope(self.user, session and self.session(session), EARLY_MS)

    def session(self, name: str) -> str:
        return f"{self.user}-{name}"

    def say(self, session: str, *stamps: int, received_ms: int = EARLY_MS, user: str = "") -> None:
        names, session = self.services.names, self.session(session)
        rows = [
            message_row(names.message, self.message(session, n, user), received_ms) for n in stamps
        ]
        write_all(self.services.tablestore, rows)
        whose = user or self.user
        write_all(
            self.services.tablestore, [session_row(names.session, whose, session, max(stamps))]
        )

    def message(self, session: str, stamp: int, user: str = "") -> Message:
        return Message(
            event_id=f"{session}-{stamp}",
            message_id=f"{session}-{stamp}",
            user_id=user or self.user,
            session_id=session,
            created_at=stamp,
            role="user",
            content="I like tea.",
        )

    def say_unowned(self, session: str, stamp: int) -> None:
        say_unowned(self.deployment, self.session(session), stamp)

    def know(
        self, text: str, session: str, *said: tuple[str, int], received_ms: int = EARLY_MS
    ) -> Memory:
        """A memory made in a session, with what was said: in which, and its stamp."""
        sources = tuple(
            Source(
                f"{self.session(where)}-{stamp}", "tea", where and self.session(where), received_ms
            )
            for where, stamp in said
        )
        memory = Memory(
            self.user,
            f"{self.user} {text}",
            self.session(session),
            sources=sources,
            received_ms=received_ms,
        ).identified()
        self.services.unindexed.add(self.user, [memory.document_id])
        row = self.services.memories.row(memory, [0.5] * self.dimension)
        write_all(self.services.tablestore, [row])
        return memory

    def replace(self, old: Memory, new: Memory) -> None:
        write_all(self.services.tablestore, [self.services.history.row(old, new, reason="-")])

    def left(self, session: str) -> list[int]:
        """The stamps of all messages of a session, whosever."""
        rows = self.services.sessions.stored.forward(self.session(session))
        return [row.created_at for row in rows]

    def sessions(self) -> dict[str, int]:
        """The user's sessions, each with its update_time."""
        found = self.services.sessions.of_user(self.user)
        return {info.session_id.removeprefix(f"{self.user}-"): info.update_time for info in found}

    def known(self, *memories: Memory) -> list[str]:
        found = self.services.memories.without_vectors([m.document_id for m in memories])
        return sorted(memory.text.removeprefix(f"{self.user} ") for memory in found)

    def due(self) -> set[str]:
        """The user's sessions that wait for extraction."""
        found = waiting(self.deployment)
        return {s.removeprefix(f"{self.user}-") for user, s in found if user == self.user}

    def from_us(self, session: str) -> int:
        """From which message on a session is due."""
        found = self.services.due.begin(self.user, self.session(session))
        assert found is not None
        return found.from_us

    def forget_messages(self, session: str, scope: Scope | None = None) -> Left:
        return self.step.messages.forget(scope or self.scope(), self.session(session))

    def look(self, session: str | None = None) -> Look:
        return Look(self.step, self.scope(session), self.event_id)

    def forget(self, session: str | None = None) -> dict[str, int | bool]:
        return self.step.carry_out(self.scope(session), self.event_id)


@pytest.fixture
def home(undrained: Deployment, fresh_name: str) -> Home:
    return Home(undrained, fresh_name)


def test_messages_received_by_then_go_and_the_others_tell_where_they_begin_and_end(
    home: Home,
) -> None:
    home.say("s", 1, 2, 5)
    home.say("s", 3, 4, 6, received_ms=LATE_MS)

    left = home.forget_messages("s")

    assert left == Left(deleted=3, unowned=0, first=3, newest=6)
    assert home.left("s") == [3, 4, 6]
    assert home.forget_messages("s") == Left(deleted=0, unowned=0, first=3, newest=6)


def test_session_without_messages_has_nothing_left(home: Home) -> None:
    assert home.forget_messages("s") == Left(deleted=0, unowned=0, first=None, newest=0)


@pytest.mark.parametrize("count", [5, 6, 7])
def test_many_messages_go_batch_by_batch(home: Home, count: int) -> None:
    batches = []

    class Counted(StoredMessages):
        def _delete(self, waiting: list[RowWrite]) -> int:
            batches.append(len(waiting))
            return super()._delete(waiting)

    home.say("s", *range(1, count + 1))
    messages = Counted(home.services.tablestore, home.services.sessions, rows_at_once=3)

    left = messages.forget(home.scope(), home.session("s"))

    assert left.deleted == count
    assert home.left("s") == []
    assert max(batches) == 3


def test_messages_of_another_user_in_the_session_stay(home: Home) -> None:
    home.say("s", 1)
    home.say("s", 2, user="bo")
    home.say_unowned("s", 3)

    left = home.forget_messages("s")

    assert left == Left(deleted=1, unowned=1, first=None, newest=0)
    assert home.left("s") == [2, 3]


def test_messages_that_name_nobody_go_with_the_only_user_of_the_session(home: Home) -> None:
    give_session(home.deployment, home.user, home.session("s"), update_time=0)
    home.say("s", 1)
    home.say_unowned("s", 2)

    left = home.forget_messages("s")

    assert left == Left(deleted=2, unowned=0, first=None, newest=0)
    assert home.left("s") == []


def test_messages_that_name_nobody_stay_in_a_session_that_was_only_published_into(
    home: Home,
) -> None:
    home.say("s", 1)
    home.say_unowned("s", 2)

    left = home.forget_messages("s")

    assert left == Left(deleted=1, unowned=1, first=None, newest=0)
    assert home.left("s") == [2]


def test_messages_that_name_nobody_go_with_a_further_request_once_an_app_gives_the_session(
    home: Home,
) -> None:
    home.say("s", 1)
    home.say_unowned("s", 2)
    home.forget_messages("s")
    give_session(home.deployment, home.user, home.session("s"), update_time=0)

    left = home.forget_messages("s")

    assert left == Left(deleted=1, unowned=0, first=None, newest=0)
    assert home.left("s") == []


def test_all_of_a_user_goes_and_the_receipt_counts_it_by_place(home: Home) -> None:
    home.say("s", 1, 2)
    home.say("t", 3)
    old, new = home.know("lives in Paris.", "s", ("s", 1)), home.know("likes tea.", "t", ("t", 3))
    home.replace(old, new)
    home.services.due.add(home.user, home.session("s"), 1)

    receipt = home.forget()

    assert receipt == {
        "events": 0,
        "requests": 0,
        "dead_letters": 0,
        "plans": 0,
        "announcements": 0,
        "messages": 3,
        "memories": 2,
        "history": 1,
        "sessions": 2,
        "unowned": 0,
        "waiting": 2,
        "marks": 2,
        "verified": True,
    }
    assert (home.left("s"), home.left("t"), home.known(old, new)) == ([], [], [])
    assert home.services.history.of_user(home.user) == []
    assert (home.sessions(), home.due()) == ({}, set())
    assert home.services.unindexed.traces(home.user) == set()


def test_one_session_goes_and_the_others_stay_as_they_are(home: Home) -> None:
    home.say("s", 1)
    home.say("t", 2, 3)
    gone, stays = (
        home.know("lives in Paris.", "s", ("s", 1)),
        home.know("likes tea.", "t", ("t", 2)),
    )

    receipt = home.forget("s")

    assert [receipt[what] for what in ("messages", "memories", "sessions")] == [1, 1, 1]
    assert (home.left("s"), home.left("t")) == ([], [2, 3])
    assert home.known(gone, stays) == ["likes tea."]
    assert home.sessions() == {"t": 3}
    assert home.services.unindexed.traces(home.user) == {stays.document_id}
    assert home.due() == set()


def test_what_came_later_stays_with_its_session_and_is_extracted_anew(home: Home) -> None:
    home.say("s", 1, 9)
    home.say("s", 4, 6, received_ms=LATE_MS)
    home.say("t", 7, received_ms=LATE_MS)
    gone = home.know("lives in Paris.", "s", ("s", 1))
    stays = home.know("likes tea.", "s", ("s", 4), received_ms=LATE_MS)

    receipt = home.forget()

    assert [receipt[what] for what in ("messages", "memories", "sessions")] == [2, 1, 0]
    assert home.known(gone, stays) == ["likes tea."]
    assert home.sessions() == {"s": 9, "t": 7}
    assert home.due() == {"s", "t"}
    assert (home.from_us("s"), home.from_us("t")) == (4, 7)


def test_what_stays_is_due_once_for_a_request_that_found_nothing(home: Home) -> None:
    """It may be the second try of one that died: what it deleted is not known any more."""
    home.say("s", 4, received_ms=LATE_MS)
    home.forget()
    first = home.due()
    home.services.due.settle(home.user, home.session("s"))
    home.services.due.begin(home.user, home.session("s"))
    home.services.due.settle(home.user, home.session("s"))

    look = home.look()
    again = look.delete()

    assert (first, again, home.due()) == ({"s"}, 0, set())


def test_plan_that_was_found_in_it_is_dropped_and_its_session_due(home: Home) -> None:
    home.say("s", 1)
    home.say("s", 4, received_ms=LATE_MS)
    home.step.receipts.add(home.event_id, {"events": 0})  # not the first look
    memory = Memory(home.user, "-", home.session("s"), received_ms=EARLY_MS).identified()
    home.services.plans.keep(home.user, home.session("s"), Plan(1, 4, Found((memory,))))

    receipt = home.forget()

    assert receipt["plans"] == 1
    assert home.services.plans.load(home.user, home.session("s")) == ()
    assert home.from_us("s") == 4


@pytest.mark.parametrize("what", ["memory", "history"])
def test_what_was_made_of_it_makes_due_what_stays(home: Home, what: str) -> None:
    home.say("t", 4, received_ms=LATE_MS)
    home.step.receipts.add(home.event_id, {"events": 0})
    old = Memory(home.user, "-", home.session("s"), received_ms=EARLY_MS).identified()
    if what == "memory":
        home.know("lives in Paris.", "s")
    else:
        home.replace(old, old)

    home.look().delete()

    assert home.due() == {"t"}


def test_session_row_that_an_earlier_look_took_comes_back_with_what_came_since(home: Home) -> None:
    home.say("s", 1)
    look = home.look()
    look.delete()
    gone = home.sessions(), look.gone
    late = message_row(home.services.names.message, home.message(home.session("s"), 5), LATE_MS)
    write_all(home.services.tablestore, [late])

    look.delete()

    assert gone == ({}, {home.session("s")})
    assert home.sessions() == {"s": 5}
    assert look.gone == set()
    assert home.from_us("s") == 5


def test_fact_that_another_session_said_too_is_due_from_where_it_did(home: Home) -> None:
    home.say("s", 1)
    home.say("t", 2, 3, 4)
    home.say("u", 5)
    home.know("likes tea.", "s", ("s", 1), ("t", 4), ("t", 3), ("", 9))

    receipt = home.forget("s")

    assert receipt["memories"] == 1
    assert home.due() == {"t"}
    assert home.from_us("t") == 3


def test_fact_that_was_replaced_is_due_where_it_was_said(home: Home) -> None:
    home.say("s", 1)
    home.say("t", 2)
    old, new = home.know("lives in Paris.", "t", ("t", 2)), home.know("is here.", "s", ("s", 1))
    other, another = (home.know(f"likes {what}.", "t", ("t", 2)) for what in ("tea", "chess"))
    home.replace(old, new)
    home.replace(other, another)

    receipt = home.forget("s")

    assert receipt["history"] == 1
    assert [entry.text for entry in home.services.history.of_user(home.user)] == [other.text]
    assert home.due() == {"t"}


def test_history_tells_nothing_of_a_text_that_came_and_went(home: Home) -> None:
    """Paris was replaced by Lyon, which was said in the session and replaced since."""
    home.say("s", 1)
    home.say("t", 2, 3)
    paris, rome = (
        home.know("lives in Paris.", "t", ("t", 2)),
        home.know("is in Rome.", "t", ("t", 3)),
    )
    lyon = home.know("lives in Lyon.", "s", ("s", 1))
    home.replace(paris, lyon)
    home.replace(lyon, rome)
    write_all(
        home.services.tablestore, [home.services.memories.deletion(home.user, lyon.document_id)]
    )

    receipt = home.forget("s")

    assert receipt["history"] == 2
    assert home.services.history.of_user(home.user) == []


def test_citation_of_a_message_that_is_not_there_makes_nothing_due(home: Home) -> None:
    home.say("t", 2)
    home.know("likes tea.", "s", ("s", 1), ("t", 77))

    home.forget("s")

    assert home.due() == set()


def test_memories_of_another_user_are_not_the_users(home: Home) -> None:
    theirs = Memory("bo", f"{home.user} likes tea.", received_ms=EARLY_MS).identified()
    row = home.services.memories.row(theirs, [0.5] * home.dimension)
    write_all(home.services.tablestore, [row])
    home.services.unindexed.add(home.user, [theirs.document_id])
    own = home.know("likes tea.", "s")

    found = home.step.remembered.of_user(home.user)

    assert [memory.document_id for memory in found] == [own.document_id]


def test_memory_that_only_the_index_tells_of_is_found(home: Home) -> None:
    own = home.know("likes tea.", "s")
    home.services.unindexed.forget([MemoryRef(home.user, own.document_id)])
    wait_until(lambda: home.services.memories.of_user(home.user), "the index shows it")

    receipt = home.forget()

    assert receipt["memories"] == 1
    assert home.known(own) == []


def test_messages_that_name_nobody_and_stay_are_told_once(home: Home) -> None:
    home.say("s", 1)
    home.say("s", 2, user="bo")
    home.say_unowned("s", 3)
    home.say_unowned("s", 4)

    receipt = home.forget()

    assert receipt["unowned"] == 2
    assert receipt["messages"] == 1


def test_events_that_a_drain_may_hold_end_the_attempt_after_the_rest_is_deleted(
    home: Home,
) -> None:
    home.say("s", 1)
    streams, redis = home.services.streams, home.services.redis
    fields: Any = {
        EVENT_FIELD: encode(home.message(home.session("s"), 2)),
        "received_ms": EARLY_MS,
    }
    redis.xadd(streams.events(3), fields)
    redis.set(streams.key(3, "lease"), "a drain's")

    with pytest.raises(Busy, match=r"^a drain may hold events that are to be forgotten"):
        home.forget()
    redis.delete(streams.key(3, "lease"))
    receipt = home.forget()

    assert home.left("s") == []
    assert (receipt["messages"], receipt["events"], receipt["verified"]) == (1, 1, True)


class LateIndex(MemoryIndex):
    """Shows all from the n-th look on."""

    def __init__(self, looks: Iterable[bool]) -> None:
        self._shows = iter(looks)
        self.asked: list[int] = []

    def shows_all_before(self, moment_ms: int) -> bool:
        self.asked.append(moment_ms)
        return next(self._shows)


def test_nothing_found_in_an_index_that_is_behind_ends_nothing(home: Home) -> None:
    home.say("s", 1)
    index = LateIndex([False, False, True])
    home.step = replace(home.step, index=index)

    with pytest.raises(IndexBehind, match=r"^the index does not show yet"):
        home.forget()
    unfinished = home.step.receipts.finished(home.event_id)
    receipt = home.forget()

    assert unfinished is None
    assert (receipt["messages"], receipt["verified"]) == (1, True)
    assert index.asked == [EARLY_MS] * 3


def test_request_is_done_at_the_first_complete_look_that_finds_nothing(home: Home) -> None:
    home.say("s", 1)
    index = LateIndex([False, True])
    home.step = replace(home.step, index=index)

    receipt = home.forget()

    assert receipt["verified"] is True


def test_what_keeps_coming_ends_the_attempt_after_four_looks(home: Home) -> None:
    looks = []

    class Restless(InFlight):
        """There is always one more."""

        def forget(self, scope: Scope) -> tuple[dict[str, int], int]:
            looks.append(scope)
            return {"events": 1}, 0

    restless = Restless(home.services.redis, home.services.streams)
    home.step = replace(home.step, in_flight=restless)

    with pytest.raises(Busy, match=r"^what is to be forgotten keeps coming"):
        home.forget()

    assert looks == [home.scope()] * 4
    assert home.step.receipts.finished(home.event_id) is None
