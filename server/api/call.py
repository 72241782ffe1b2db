"""What every operation is given beside what it was asked: who asks, and what there is to work with."""

from dataclasses import dataclass

from tablestore_memory.server.access import Access
from tablestore_memory.server.connections import Connections


@dataclass(frozen=True)
class Call:
    connections: Connections
    access: Access
