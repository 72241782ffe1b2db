"""A program with a generated client and nothing of ours: every operation once; prints how each was answered."""

import os
import sys
import time
from typing import Any

from tablestore_memory_worker_client import AuthenticatedClient, models
from tablestore_memory_worker_client.api.default import (
    delete_memory,
    edit_memory,
    export_user,
    forget,
    health,
    list_memories,
    metrics,
    publish,
    read_memory,
    recall,
)

USER = sys.argv[1]
client = AuthenticatedClient(os.environ["SERVER"], os.environ["TOKEN"], timeout=30)


def told(name: str, answer: Any) -> Any:
    print(name, int(answer.status_code), type(answer.parsed).__name__, flush=True)
    return answer.parsed


told("health", health.sync_detailed(client=client))
remembered = models.Remember.from_dict(
    {"type": "remember", "user_id": USER, "text": f"{USER} lives in Paris."}
)
told("publish", publish.sync_detailed(client=client, body=remembered))
while not (page := list_memories.sync(client=client, user_id=USER)).memories:
    time.sleep(0.2)
memory_id = page.memories[0].id
told("list_memories", list_memories.sync_detailed(client=client, user_id=USER))
told("read_memory", read_memory.sync_detailed(memory_id, client=client, user_id=USER))
question = models.Question(query="Where?", user_id=USER, deadline_s=5)
told("recall", recall.sync_detailed(client=client, body=question))
edit = models.Edit(text=f"{USER} lives in Rome.")
told("edit_memory", edit_memory.sync_detailed(memory_id, client=client, user_id=USER, body=edit))
told("delete_memory", delete_memory.sync_detailed(memory_id, client=client, user_id=USER))
told("export_user", export_user.sync_detailed(USER, client=client))
told("forget", forget.sync_detailed(client=client, body=models.Forgetting(user_id=USER)))
told("metrics", metrics.sync_detailed(client=client))
told("refused", read_memory.sync_detailed("nothing", client=client, user_id=USER))
