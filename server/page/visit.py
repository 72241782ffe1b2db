"""What a page is given: what was asked, who asks, and what there is to read with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tablestore_memory.server.connections import Connections
from tablestore_memory.server.page.pulse import Pulse
from tablestore_memory.server.problems import Malformed
from tablestore_memory.worker.services import Services


@dataclass(frozen=True)
class Visit:
    """`name` is the visitor's, for the audit; `form` has every value of a field; `navigation` is (path, title)."""

    connections: Connections
    pulse: Pulse
    navigation: Sequence[tuple[str, str]]
    name: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, Sequence[str]]

    @property
    def services(self) -> Services:
        """For what is no user's; what is goes through `noted`."""
        return self.connections.services

    @property
    def read_only(self) -> bool:
        return self.connections.settings.page_read_only

    def asked(self, name: str) -> str:
        """A parameter of the query that has to be there. Raises Malformed."""
        if not (value := self.query.get(name)):
            raise Malformed("missing", name)
        return value

    def given(self, name: str) -> str:
        """A field of the form that has to be there. Raises Malformed."""
        if not (values := self.form.get(name)):
            raise Malformed("missing", name)
        return values[-1]

    def noted(self, command: str, user_id: str = "") -> Services:
        """What to read or change a user's things with, once the audit has it. Raises what Redis does."""
        return self.connections.noted(command, user_id, by=f"page:{self.name}")
