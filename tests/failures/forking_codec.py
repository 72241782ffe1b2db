"""A process that uses the SDK's codec in a thread and forks all the while: `python -m … CHILDREN`.

Each child writes a batch and reads an answer, and must come to the same bytes and rows as its parent. Ends with
0 if all of them did.
"""

import os
import signal
import sys
import threading
from typing import Any

import tablestore as ots

from tests.codecs import client

NOWHERE = "http://127.0.0.1:9"
ROWS = 50
PATIENCE_S = 20  # a child that hangs is ended by its own alarm


def request() -> Any:
    made = ots.BatchWriteRowRequest()
    anyway = ots.Condition(ots.RowExistenceExpectation.IGNORE)
    rows = [
        ots.PutRowItem(
            ots.Row([("key", f"k{number}")], [("text", "茶 " * 50), ("n", number)]), anyway
        )
        for number in range(ROWS)
    ]
    made.add(ots.TableInBatchWriteRowItem("messages", rows))
    return made


def work() -> tuple[bytes, int]:
    """Encode and decode natively, as a child of a worker does."""
    protocol = client(NOWHERE, native=True).protocol
    body = protocol.encoder.encode_request("BatchWriteRow", request()).SerializeToString()
    answer = protocol.decoder.decode_response("BatchWriteRow", b"", "id")
    return body, len(answer[0])


def main(children: int) -> None:
    expected, ended = work(), threading.Event()

    def keep_working() -> None:
        while not ended.is_set():
            work()

    thread = threading.Thread(target=keep_working)
    thread.start()
    try:
        failed = sum(not forked(expected) for _ in range(children))
    finally:
        ended.set()
        thread.join()
    sys.exit(failed > 0)


def forked(expected: tuple[bytes, int]) -> bool:
    """Whether a child comes to the same."""
    if child := os.fork():
        return os.waitpid(child, 0)[1] == 0
    signal.alarm(PATIENCE_S)
    os._exit(0 if all(work() == expected for _ in range(3)) else 1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
