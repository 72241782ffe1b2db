"""What `memory-worker` answers to programs."""

import json
from typing import Any

from devtools.deployment import Deployment
from devtools.servers import wait_until


def answer(deployment: Deployment, *command: str) -> Any:
    done = deployment.command(*command, "--json")
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def audited(deployment: Deployment, user: str, count: int) -> list[dict[str, Any]]:
    """What was done with a user's data, once so many deeds are in the audit."""

    def deeds() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = answer(deployment, "audit", "--user", user)
        return found if len(found) == count else None

    return wait_until(deeds, f"{count} deeds in the audit")
