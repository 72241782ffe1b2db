"""The steps of one recall: find, read the turns, rerank if it is wanted, write.

Each step asks its parts at the same time and takes what came. Finding has three quarters of the time, so that a
slow search leaves enough to read the turns of what others found.
"""

import time
from collections.abc import Sequence
from functools import partial

from tablestore_memory.recall.asked import Asked
from tablestore_memory.recall.beside import lift
from tablestore_memory.recall.block import Room, fitting, room_for_turns, written
from tablestore_memory.recall.clients import Clients
from tablestore_memory.recall.entries import Fact, Said, zone_of
from tablestore_memory.recall.finding import Finding, Found
from tablestore_memory.recall.held import Held, held_at, holding
from tablestore_memory.recall.parts import Deadline, Parts, Steps
from tablestore_memory.recall.ranking import best_first, boost, cite, fused, given
from tablestore_memory.recall.rerank import documents_of, reranked
from tablestore_memory.recall.results import NOT_CONFIGURED, Considered, Explanation, Recalled
from tablestore_memory.recall.turns import TurnsToRead
from tablestore_memory.worker.qwen.tokens import tokens_of
from tablestore_memory.worker.stores.memory import Memory

_TO_FIND, _TO_READ = 0.75, 0.9


def recalled(clients: Clients, asked: Asked) -> Steps[Recalled]:
    """What the block and its parts are, at the deadline at the latest."""
    parts = Parts(clients.executor, Deadline(asked.deadline_s))
    finding = Finding(clients, parts, asked)
    yield parts.wait(_TO_FIND)
    found = finding.found()
    facts = _facts(asked, found)
    memories = [fact.candidate.item for fact in facts]
    turns: list[Said] = []
    if asked.seeks_turns:
        room = _room_for_turns(asked, facts)
        reading = TurnsToRead(clients, parts, asked, memories, found.said, found.fresh, room)
        yield parts.wait(_TO_READ if asked.rerank else 1)
        read = reading.read()
        zone = zone_of(read)
        turns = [Said(candidate, zone) for candidate in read]
    if asked.rerank:
        facts, turns = yield from _reranked(clients, parts, asked, facts, turns)
    return _result(asked, parts, facts, turns)


def _facts(asked: Asked, found: Found) -> list[Fact]:
    """The best first."""
    held = _held(asked, found)
    lists = {
        name: [entry for entry in entries if _is_asked_for(asked, entry.item)]
        for name, entries in held.ranked.items()
    }
    candidates = fused(lists, lambda memory: memory.document_id)
    said = {message.message_id: score for message, score in given(found.said)}
    cite(candidates, "turns.words", said)
    boost(candidates, asked.as_of or time.time_ns() // 1000, asked.query)
    lift(best_first(candidates))
    return [Fact(each, held.ends.get(each.item.document_id)) for each in best_first(candidates)]


def _room_for_turns(asked: Asked, facts: Sequence[Fact]) -> Room:
    """All of the block before a model has chosen among facts: which of them are told is not known yet."""
    if asked.rerank:
        return Room(set(), asked.tokens)
    return room_for_turns(facts, asked.tokens, asked.facts_share)


def _held(asked: Asked, found: Found) -> Held:
    if asked.as_of is None:
        return holding(found.memories)
    return held_at(
        asked.as_of,
        found.memories,
        found.history,
        asked.user_id,
        asked.query,
        of_session=asked.session_id is not None,
    )


def _is_asked_for(asked: Asked, memory: Memory) -> bool:
    return (
        (asked.kinds is None or memory.kind in asked.kinds)
        and (asked.session_id is None or asked.session_id == memory.session_id)
        and asked.since <= memory.stated_at
        and (asked.until is None or memory.stated_at < asked.until)
    )


def _reranked(
    clients: Clients, parts: Parts, asked: Asked, facts: list[Fact], turns: list[Said]
) -> Steps[tuple[list[Fact], list[Said]]]:
    """Both in the order of their relevance, if it is known in time."""
    model, dashscope = clients.settings.rerank_model, clients.dashscope
    if model is None or dashscope is None:
        parts.is_missing("rerank", NOT_CONFIGURED)
        return facts, turns
    documents = documents_of(facts, turns)
    if not documents or not asked.query:
        return facts, turns
    part = parts.ask(
        "rerank",
        partial(
            dashscope.relevance,
            model,
            asked.query,
            documents,
            user_id=asked.user_id,
            timeout_s=parts.deadline.left_s(),
        ),
    )
    yield parts.wait()
    return reranked(facts, turns, part.value([]))


def _result(asked: Asked, parts: Parts, facts: Sequence[Fact], turns: Sequence[Said]) -> Recalled:
    known, said = fitting(facts, turns, asked.tokens, asked.facts_share)
    said.sort(key=lambda turn: turn.order)
    text = written(known, said)
    return Recalled(
        text=text,
        tokens=tokens_of(text) if text else 0,
        memories=tuple(fact.recalled for fact in known),
        turns=tuple(turn.recalled for turn in said),
        missing=tuple(sorted(set(parts.missing), key=lambda missing: missing.part)),
        explanation=Explanation(
            _considered(facts, known), _considered(turns, said), dict(parts.took_ms)
        )
        if asked.explain
        else None,
    )


def _considered(
    found: Sequence[Fact | Said], taken: Sequence[Fact | Said]
) -> tuple[Considered, ...]:
    return tuple(
        Considered(entry.id, entry.text, dict(entry.candidate.scores), entry in taken)
        for entry in found
    )
