"""Which dead letters are meant: one, or all of a kind."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from tablestore_memory.worker.state.dead_letters import DeadLetter, DeadLetters

PATH = "/dead-letters"


@dataclass(frozen=True)
class Kind:
    """Which letters: one by its name, or all with these."""

    name: str = ""
    queue: str = ""
    error: str = ""
    reason: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Kind":
        return cls(*(given.get(field, "") for field in cls.__dataclass_fields__))

    def found(self, dead: DeadLetters) -> Iterator[DeadLetter]:
        letters = [dead.get(self.name)] if self.name else dead.all()
        return (letter for letter in letters if letter and self._has(letter))

    def _has(self, letter: DeadLetter) -> bool:
        return all(
            wanted in ("", getattr(letter, field))
            for field, wanted in asdict(self).items()
            if field != "name"
        )
