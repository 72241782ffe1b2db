"""A chain of LangChain whose chat history is kept in Tablestore, and remembered.

make example NAME=langchain_history
"""

import uuid

from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory

from tablestore_memory.adapters.langchain import TablestoreChatMessageHistory

USER = "example-user"


def history(session_id: str) -> TablestoreChatMessageHistory:
    """One for each request: it holds nothing."""
    return TablestoreChatMessageHistory(USER, session_id)


def main() -> None:
    """Two turns in one session; the model stands where yours does."""
    prompt = ChatPromptTemplate([MessagesPlaceholder("history"), ("human", "{text}")])
    model = FakeListChatModel(responses=["No peanuts, noted.", "You are allergic to peanuts."])
    chain = RunnableWithMessageHistory(
        prompt | model, history, input_messages_key="text", history_messages_key="history"
    )
    session_id = f"example-{uuid.uuid4().hex[:6]}"
    for text in ("I am allergic to peanuts.", "What am I allergic to?"):
        chain.invoke({"text": text}, {"configurable": {"session_id": session_id}})
    for message in history(session_id).messages:
        print(f"{message.type}: {message.content}")


if __name__ == "__main__":
    main()
