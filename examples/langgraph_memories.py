"""A graph of LangGraph whose store are the memories of a user.

make example NAME=langgraph_memories
"""

import time
from typing import TypedDict

from langgraph.graph import START, StateGraph
from langgraph.store.base import BaseStore

from tablestore_memory.adapters.langgraph import MemoryStore

MEMORIES = ("memories", "example-musician")
QUESTION = "Which instrument do I play?"


class State(TypedDict, total=False):
    """A question and its answer."""

    question: str
    answer: str


def answer(state: State, *, store: BaseStore) -> State:
    """What is known about it; a model would make a sentence of that."""
    found = store.search(MEMORIES, query=state["question"], limit=1)
    return {"answer": found[0].value["text"] if found else "I do not know."}


def main() -> None:
    """Something is put; once a worker has stored it, the graph finds it."""
    store = MemoryStore()
    builder = StateGraph(State)
    builder.add_node(answer)
    builder.add_edge(START, "answer")
    graph = builder.compile(store=store)
    store.put(MEMORIES, "instrument", {"text": "I play the violin."})
    print(f"at once, by its key: {store.get(MEMORIES, 'instrument').value['text']}")
    deadline = time.monotonic() + 20
    while not store.search(MEMORIES, query="violin") and time.monotonic() < deadline:
        time.sleep(0.1)
    print(f"{QUESTION}  →  {graph.invoke({'question': QUESTION})['answer']}")


if __name__ == "__main__":
    main()
