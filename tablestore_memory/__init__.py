"""Background memory for AI agents on Tablestore: the one name to import.

    from tablestore_memory import Publisher, Recall

The folders beside this file are links to the project's folders of the same names. Nothing
is imported before it is asked for: a publisher loads no store, a recall no worker, a worker no stand-in.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tablestore_memory.producer import Publisher as Publisher
    from tablestore_memory.recall import Recall as Recall

__version__ = "0.1.0"
__all__ = ["Publisher", "Recall", "__version__"]


def __getattr__(name: str) -> object:
    if name == "Publisher":
        from tablestore_memory.producer import Publisher

        return Publisher
    if name == "Recall":
        try:
            from tablestore_memory.recall import Recall
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("tablestore_memory"):
                raise
            needed = "pip install 'tablestore-memory-worker[recall]'"
            said = f"{error.name} is not installed; {needed}"
            raise ModuleNotFoundError(said, name=error.name) from None
        return Recall
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
