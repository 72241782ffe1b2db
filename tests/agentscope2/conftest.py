"""The current AgentScope: runs in .venv-agentscope2, inside devtools/run.py."""

try:
    import agentscope.middleware  # noqa: F401
except ImportError:
    collect_ignore_glob = ["test_*.py"]
else:
    from tests.in_cloud import publisher, recall, stored  # noqa: F401
