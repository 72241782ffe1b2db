"""Where agents live: what frameworks ask of a memory, answered by a publisher and a recall.

| module | the framework's | extra |
|---|---|---|
| `mem0` | the client of AgentScope 2.x' long-term memory middleware | `agentscope2` |
| `langchain` | `BaseChatMessageHistory` of LangChain | `langchain` |
| `langgraph` | `BaseStore` of LangGraph | `langgraph` |
| `openai_agents` | `Session` of the OpenAI Agents SDK | `openai-agents` |

    from tablestore_memory.adapters.openai_agents import TablestoreSession

Each takes a `publisher` and a `recall`; without them it uses those of the process, set up by the environment.
What a process published it reads at once, others when a worker has stored it. What a memory in the background
cannot do is refused with `Unsupported`, never done by half. Imports nothing here: each framework is its own
module's.
"""
