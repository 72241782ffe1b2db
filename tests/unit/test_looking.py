"""What people look at, read page by page: users, an event's place, what rests on messages. Over real servers."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from devtools.deployment import Deployment
from devtools.extraction import said, store
from tablestore_memory.worker.operations.evidence import excerpts
from tablestore_memory.worker.operations.located import locate
from tablestore_memory.worker.operations.remembered import remembered_from
from tablestore_memory.worker.operations.session_work import work_in
from tablestore_memory.worker.operations.standing_entries import entries_of
from tablestore_memory.worker.operations.stories import story
from tablestore_memory.worker.operations.users import page_of_users
from tablestore_memory.worker.operations.ways import way_of
from tablestore_memory.worker.stores.memory import Memory, Source
from tablestore_memory.worker.stores.users import SessionsOfUser
from tablestore_memory.worker.stores.write import write_all
from tests.foreign import give_session, say_unowned


@pytest.fixture(scope="module")
def deployment(redis_url: str, tablestore_url: str, dashscope_url: str) -> Iterator[Deployment]:
    """Without workers."""
    with Deployment(redis_url, tablestore_url, dashscope_url) as deployment:
        yield deployment


def put_sessions(deployment: Deployment, counts: dict[str, int]) -> None:
    """Each later than the one before."""
    sessions = deployment.services.sessions
    write_all(
        deployment.services.tablestore,
        [
            sessions.row(user, f"s{n:03}", n + 1)
            for user, count in counts.items()
            for n in range(count)
        ],
    )


def memory(user: str, text: str, at: int, *sources: Source) -> Memory:
    whole = Memory(user, text, "s", valid_from=at, stated_at=at, sources=sources)
    return whole.identified()


def put_memories(deployment: Deployment, *memories: Memory) -> None:
    vector = [0.1] * deployment.settings.embedding_dimension
    rows = [deployment.services.memories.row(each, vector) for each in memories]
    write_all(deployment.services.tablestore, rows)


# Users


@pytest.mark.parametrize("counted", [1, 2, 3, 4, 7, 100])
def test_users_are_each_told_once_with_their_sessions_however_the_pages_fall(
    deployment: Deployment, fresh_name: str, counted: int
) -> None:
    names = [f"{fresh_name}{end}" for end in ("", "-a", "-a\U0001f600", "-b", "-c", "张三")]
    counts = dict(zip(names, (3, 1, 8, 2, 4, 3), strict=True))
    put_sessions(deployment, counts | {f"{fresh_name[:-1]}~": 2})

    found = list(deployment.services.users.with_sessions(fresh_name, None, counted))

    assert found == [
        SessionsOfUser(user, min(count, counted), count > counted, min(count, counted))
        for user, count in sorted(counts.items())
    ]


def test_page_has_those_with_sessions_and_those_with_memories_and_goes_on_behind_its_last(
    deployment: Deployment, fresh_name: str
) -> None:
    put_sessions(deployment, {f"{fresh_name}-{n}": n + 1 for n in (1, 3, 5)})
    put_memories(
        deployment,
        *(memory(f"{fresh_name}-{n}", f"Text {t}.", 1) for n in (2, 3) for t in range(n)),
    )

    first = page_of_users(deployment.services, begins=fresh_name, count=3)
    second = page_of_users(deployment.services, begins=fresh_name, after=first.next, count=3)

    told = [
        (user.user_id[-1], user.sessions, user.memories) for user in (*first.users, *second.users)
    ]
    assert told == [("1", 2, 0), ("2", 0, 2), ("3", 4, 3), ("5", 6, 0)]
    assert (first.next, second.next) == (f"{fresh_name}-3", None)


def test_last_activity_of_who_has_more_sessions_than_are_counted_is_that_of_all(
    deployment: Deployment, fresh_name: str
) -> None:
    put_sessions(deployment, {fresh_name: 120})

    (user,) = page_of_users(deployment.services, begins=fresh_name).users

    assert (user.sessions, user.and_more_sessions, user.latest) == (50, True, 120)


# What rests on what


def test_evidence_without_a_stamp_is_found_by_the_id_of_its_message(
    deployment: Deployment, fresh_name: str
) -> None:
    session = f"{fresh_name}-s"
    store(deployment, *(said(fresh_name, session, n, f"I like dish {n}.") for n in range(7)))
    source = Source(f"{session}-3", "I like dish 3", session)
    cited = memory(fresh_name, "Likes dish 3.", 1, source, replace(source, message_id="gone"))

    gone, found = sorted(excerpts(deployment.services, cited), key=lambda e: e.message is not None)

    assert [turn.text for turn in found.before] == ["I like dish 1.", "I like dish 2."]
    assert [(part.text, part.cited) for part in found.said] == [
        ("I like dish 3", True),
        (".", False),
    ]
    assert [turn.text for turn in found.after] == ["I like dish 4.", "I like dish 5."]
    assert (gone.message, gone.before, gone.after) == (None, [], [])


def test_another_users_message_is_no_evidence(deployment: Deployment, fresh_name: str) -> None:
    session = f"{fresh_name}-s"
    store(deployment, said(f"{fresh_name}-eve", session, 1, "A secret."))
    cited = memory(fresh_name, "Knows it.", 1, Source(f"{session}-1", "A secret", session))

    (found,) = excerpts(deployment.services, cited)

    assert found.message is None


def test_what_is_remembered_of_a_message_is_told_as_not_whole_where_there_is_too_much(
    deployment: Deployment, fresh_name: str
) -> None:
    said_here = [memory(fresh_name, f"Fact {n}.", 1, Source("m1", "quote", "s")) for n in range(30)]
    put_memories(deployment, *said_here)
    few = remembered_from(deployment.services, fresh_name, "s")
    elsewhere = [memory(fresh_name, f"Text {n}.", 1) for n in range(150)]
    put_memories(deployment, *(replace(each, session_id="other") for each in elsewhere))

    many = remembered_from(deployment.services, fresh_name, "s")

    texts = {each.text for each in said_here}
    assert ({fact.text for fact in few.of("m1")}, few.whole) == (texts, True)
    assert ({fact.text for fact in many.of("m1")}, many.whole) == (texts, False)


def test_memory_that_cites_a_message_twice_rests_on_it_once(
    deployment: Deployment, fresh_name: str
) -> None:
    quotes = [Source("m1", quote, "s") for quote in ("I live in Paris", "since May")]
    lived = memory(fresh_name, "Lives in Paris since May.", 1, *quotes)
    lives = memory(fresh_name, "Lives in Lyon since June.", 2, *quotes)
    history = deployment.services.history.row(lived, lives, reason="moved")
    write_all(deployment.services.tablestore, [history])
    put_memories(deployment, lives)
    deployment.services.unindexed.add(fresh_name, [lives.document_id])

    remembered = remembered_from(deployment.services, fresh_name, "s")

    assert [fact.text for fact in remembered.of("m1")] == [lives.text, lived.text]


def test_story_leads_from_any_of_its_states_to_what_holds(
    deployment: Deployment, fresh_name: str
) -> None:
    first, second, third = (memory(fresh_name, f"Lives in {n}.", n) for n in (1, 2, 3))
    history, tablestore = deployment.services.history, deployment.services.tablestore
    write_all(
        tablestore,
        [history.row(first, second, reason="moved"), history.row(second, third, reason="again")],
    )
    put_memories(deployment, third)

    told = [story(deployment.services, fresh_name, m.document_id) for m in (first, second, third)]

    for each in told:
        assert each is not None
        assert each.now == third
        assert [entry.text for entry in each.earlier] == ["Lives in 1.", "Lives in 2."]
    assert [each and each.asked for each in told] == [None, None, third]
    assert story(deployment.services, f"{fresh_name}-eve", third.document_id) is None
    assert story(deployment.services, fresh_name, "unknown") is None


# Where an event stands


@pytest.fixture(scope="module")
def busy(deployment: Deployment) -> Deployment:
    """With the same tables and streams of its own, in one of which 1,200 events wait; to be looked at only."""
    tables = {name: each for name, each in deployment.environment.items() if "_TABLE" in name}
    urls = ("REDIS_URL", "TABLESTORE_ENDPOINT", "DASHSCOPE_HTTP_BASE_URL")
    busy = Deployment(*(deployment.environment[name] for name in urls), **tables)
    busy.publish(*(said("busy", "busy", 1, "Hello.", message_id=f"busy-{n}") for n in range(1_200)))
    return busy


@pytest.mark.parametrize(("number", "ahead"), [(0, 0), (499, 499), (700, 700), (1199, 1199)])
def test_event_is_found_at_both_ends_of_a_long_stream(
    busy: Deployment, number: int, ahead: int
) -> None:
    entries = entries_of(busy.services, f"busy-{number}")

    assert [each.ahead for each in entries.found] == [ahead]
    assert entries.unseen == 200


def test_event_waits_in_its_stream_and_what_follows_is_not_yet(busy: Deployment) -> None:
    stages = way_of(busy.services, locate(busy.services, "busy-2")).stages

    states = {stage.name: stage.state for stage in stages}
    assert states == {
        "Published": "done",
        "Received by Redis": "done",
        "In the stream": "now",
        "Stored": "next",
        "Extracted": "next",
        "Remembered": "next",
        "Searchable": "next",
    }
    assert "with 2 events before it" in stages[2].text


def test_event_in_the_middle_of_a_long_stream_is_not_said_to_be_nowhere(busy: Deployment) -> None:
    (stage, *_) = way_of(busy.services, locate(busy.services, "busy-600")).stages

    assert stage.state == "unknown"
    assert "(200 were not)" in stage.text


def test_row_is_found_by_its_id_alone_and_anothers_of_the_same_id_is_told_apart(
    deployment: Deployment, fresh_name: str
) -> None:
    ids = {"message_id": fresh_name}
    store(deployment, said("ana", f"{fresh_name}-1", 1, "Ana's.", **ids))
    store(deployment, said("eve", f"{fresh_name}-2", 2, "Eve's.", **ids))

    both = locate(deployment.services, fresh_name)
    ana = locate(deployment.services, fresh_name, user_id="ana")
    eve = locate(deployment.services, fresh_name, session_id=f"{fresh_name}-2")
    nobody = locate(deployment.services, fresh_name, user_id="bo")

    assert (both.user_id, [row.owner for row in both.others]) == ("eve", ["ana"])
    assert (ana.user_id, ana.session_id, ana.others) == ("ana", f"{fresh_name}-1", [])
    assert (eve.user_id, eve.others) == ("eve", [])
    assert nobody.row is None


def test_event_whose_message_has_another_id_is_found_with_its_row_while_both_are_there(
    deployment: Deployment, fresh_name: str
) -> None:
    line = said(fresh_name, fresh_name, 1, "Hello.") | {"event_id": f"event-{fresh_name}"}
    deployment.publish(line)
    store(deployment, line)

    found = locate(deployment.services, f"event-{fresh_name}")
    names = [stage.name for stage in way_of(deployment.services, found).stages]

    assert found.row is not None
    assert names[:4] == ["Published", "Received by Redis", "In the stream", "Stored"]


def test_row_of_another_program_is_told_as_far_as_it_goes_until_its_user_is_named(
    deployment: Deployment, fresh_name: str
) -> None:
    services, user = deployment.services, f"{fresh_name}-ana"
    give_session(deployment, user, fresh_name)
    message_id = say_unowned(deployment, fresh_name)

    nobodys = way_of(services, locate(services, message_id))
    anas = locate(services, message_id, user_id=user)
    eves = locate(services, message_id, user_id="eve")

    assert nobodys.stages[-1].text == "its row names no user: name one to see further"
    assert (anas.user_id, anas.row is not None) == (user, True)
    assert eves.row is None


def test_row_is_found_with_its_session_where_no_index_knows_ids(
    redis_url: str, tablestore_url: str, dashscope_url: str, fresh_name: str
) -> None:
    with Deployment(
        redis_url, tablestore_url, dashscope_url, MEMORY_MESSAGE_INDEX="false"
    ) as deployment:
        services = deployment.services
        store(deployment, said(fresh_name, fresh_name, 1, "Hello."))

        alone = locate(services, f"{fresh_name}-1")
        named = locate(services, f"{fresh_name}-1", session_id=fresh_name)
        text = way_of(services, alone).stages[0].text

    assert (alone.row, alone.by_id) == (None, False)
    assert "name that" in text
    assert named.row is not None
    assert named.user_id == fresh_name


def test_message_that_came_late_waits_though_its_session_is_extracted_further(
    deployment: Deployment, fresh_name: str
) -> None:
    services, session = deployment.services, f"{fresh_name}-s"
    store(deployment, *(said(fresh_name, session, n, "Hello.") for n in (1, 2)))
    (early, late) = services.sessions.messages(fresh_name, session)
    services.sessions.advance_watermark(fresh_name, session, 0, late.created_at)
    services.due.begin(fresh_name, session)
    services.due.settle(fresh_name, session)

    def states(message_id: str) -> list[str]:
        stages = way_of(services, locate(services, message_id)).stages
        return [each.name for each in stages if "xtract" in each.name]

    before = states(early.message_id)
    services.due.add(fresh_name, session, early.created_at)

    assert before == ["Extracted"]
    assert states(early.message_id) == ["Waits for extraction"]


def test_dead_letter_of_an_extraction_is_found_by_a_message_that_it_names(
    deployment: Deployment, fresh_name: str
) -> None:
    about = {"user_id": "ana", "session_id": "s", "message_ids": ["m1", fresh_name]}
    deployment.services.dead.add(
        1, event=msgspec.json.encode(about), reason="skipped", queue="extract"
    )

    found = locate(deployment.services, fresh_name)
    stages = way_of(deployment.services, found).stages

    assert (found.user_id, found.session_id) == ("ana", "s")
    assert [(each.state, each.text) for each in stages][-1] == ("failed", "skipped")


# What is being done


def test_work_in_sessions_is_told_of_each(deployment: Deployment, fresh_name: str) -> None:
    services, sessions = deployment.services, ("idle", "due", "taken", "over")
    for session in sessions[1:]:
        services.due.add(fresh_name, session, 5)
    services.due.give_up(fresh_name, "over", "3 tries failed")
    with services.leases.lease(services.keys.session_lease(fresh_name, "taken")):
        work = work_in(services, fresh_name, sessions)

    told = {session: each.in_words for session, each in work.items()}
    assert told == {
        "idle": "nothing waits",
        "due": "due",
        "taken": "being extracted",
        "over": "given up",
    }
    assert work["over"].given_up == "3 tries failed"
