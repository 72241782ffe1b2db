"""Frameworks with our adapters: runs in .venv-adapters, inside devtools/run.py."""

from collections.abc import Iterator

import pytest

from tablestore_memory import Publisher

try:
    import agents  # noqa: F401
    import langgraph  # noqa: F401
except ImportError:
    collect_ignore_glob = ["test_*.py"]
else:
    from tests.in_cloud import publisher, recall, stored  # noqa: F401


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    """The publisher of another process, for all that an adapter knows: it has written nothing."""
    with Publisher(journal_dir=str(tmp_path_factory.mktemp("elsewhere"))) as publisher:
        yield publisher
