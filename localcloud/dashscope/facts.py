"""Messages to facts: every clause of what people say, against the rules.

Owns who is speaking, which day "yesterday" is, and the quote that shows a fact. An assistant's
words, context messages and system text give nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tablestore_memory.localcloud.dashscope import clauses, dates, wording
from tablestore_memory.localcloud.dashscope.dates import When
from tablestore_memory.localcloud.dashscope.rules import RULES, Rule

NAMELESS = {"en": "The user", "zh": "用户"}


@dataclass(frozen=True)
class Said:
    """A message as the rules see it."""

    text: str
    who: str
    language: str
    today: date | None


@dataclass(frozen=True)
class Fact:
    """One fact, with the day it is about and where it was said."""

    text: str
    kind: str
    subject: str
    when: When | None
    n: Any
    quote: str


def of_messages(messages: list[dict[str, Any]]) -> list[Fact]:
    """The facts of the new messages, each once, in the order they were said."""
    found: dict[str, Fact] = {}
    for message in messages:
        if message.get("new", True) and message.get("role", "user") == "user":
            for fact in of_message(message):
                found.setdefault(fact.text.casefold(), fact)
    return list(found.values())


def of_message(message: dict[str, Any]) -> Iterator[Fact]:
    """The facts of one message of a person."""
    text = str(message.get("text") or "")
    language = clauses.language(text)
    who = str(message.get("speaker") or "").strip()
    nameless = who.lower() in ("", "user", "human", "用户")
    said = Said(text, NAMELESS[language] if nameless else who, language, _day(message.get("at")))
    for sentence in clauses.of_message(text):
        for rule, statement, quote, when in _statements(sentence, said):
            yield Fact(statement, rule.kind, said.who, when, message.get("n"), quote)


def _statements(sentence: list[str], said: Said) -> Iterator[tuple[Rule, str, str, When | None]]:
    time_before, of_speaker = "", False
    for clause in map(clauses.without_lead_in, sentence):
        time, rest = _leading_time(clause, said.today)
        if time and not rest:  # "Last Friday, I went …": it belongs to what follows
            time_before = time
            continue
        body = _timed(rest, time or time_before, said.language)
        found = _match(body, said)
        if not found and of_speaker:  # "I'm a nurse and live in Rome": the subject goes on
            found = _match(("我" if said.language == "zh" else "I ") + body, said)
        if found:
            rule, statement, when = found
            yield rule, statement, _quote(said.text, time_before, clause), when
        time_before, of_speaker = "", found is not None


def _leading_time(clause: str, today: date | None) -> tuple[str, str]:
    found = dates.find(clause, today) if today else None
    if not found or found[0].start() > 0:
        return "", clause
    return found[0][0], clause[found[0].end() :].lstrip(" ,，")


def _timed(clause: str, time: str, language: str) -> str:
    """The clause with the time where a rule expects it: after 我, or at the end."""
    if not time:
        return clause
    if language == "en":
        return f"{clause} {time}"
    for subject in ("我们家", "我们", "我"):
        if clause.startswith(subject):
            return subject + time + clause[len(subject) :]
    return time + clause


def _match(clause: str, said: Said) -> tuple[Rule, str, When | None] | None:
    clause = wording.TAIL.sub("", clause)
    written = {future: _written_out(clause, said.today, future) for future in (False, True)}
    for rule in RULES[said.language]:
        body, when = written[rule.future] if rule.dates else (clause, None)
        if rule.dated and not _fits(rule, when, said.today):
            continue
        match = rule.compiled.fullmatch(body)
        statement = match and wording.worded(rule, match, said.who, said.language)
        if statement:
            return rule, statement, when
    return None


def _written_out(clause: str, today: date | None, future: bool) -> tuple[str, When | None]:
    return dates.written_out(clause, today, future=future) if today else (clause, None)


def _fits(rule: Rule, when: When | None, today: date | None) -> bool:
    """A plan is not over, an event has begun."""
    if not when or not today:
        return False
    return (when.end or when.start) >= today if rule.future else when.start <= today


def _quote(text: str, time_before: str, clause: str) -> str:
    """The words of the message, verbatim, that a clause was read from."""
    plain = text.replace("’", "'")
    end = plain.find(clause) + len(clause)
    start = plain.rfind(time_before, 0, end - len(clause)) if time_before else -1
    return text[start if start >= 0 else end - len(clause) : end]


def _day(at: object) -> date | None:
    try:
        return datetime.fromisoformat(str(at).replace("Z", "+00:00")).date()
    except ValueError:
        return None
