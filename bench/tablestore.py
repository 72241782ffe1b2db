"""How fast the local Tablestore is, through the unmodified official client.

    python bench/tablestore.py [--documents 100000] [--json]

The server runs as a process of its own with its rows in a file. Two rates are given: of the wall
clock, which the client's own work bounds (16 µs a row with the SDK's native codec, 100 without), and of
the server's processor time, which is what one core of server could do.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# The root of the project instead of this folder, where this file would hide the package of its name.
sys.path[0] = str(Path(__file__).parents[1])

import tablestore as ots  # noqa: E402
from tablestore.retry import NoRetryPolicy  # noqa: E402

from devtools.servers import Server, wait_until  # noqa: E402

USERS = 1000
DIMENSION = 64
KEY = [("s", "STRING"), ("n", "INTEGER"), ("id", "STRING")]
WORDS = ["tea", "coffee", "cat", "dog", "travel", "Beijing", "birthday", "allergy", "work", "music"]
# About 500 bytes, in the columns of a stored message.
COLUMNS = [
    ("content", "I like green tea. " * 19),
    ("role", "user"),
    ("object", "message"),
    ("status", "completed"),
    ("type", "message"),
    ("content_list", '[{"type":"text"}]'),
]
IGNORE = ots.Condition(ots.RowExistenceExpectation.IGNORE)
NOT_THERE = ots.Condition(ots.RowExistenceExpectation.EXPECT_NOT_EXIST)
Result = dict[str, Any]


def connect(url: str) -> Any:
    return ots.OTSClient(url, "local", "local", "local", retry_policy=NoRetryPolicy())


def create(client: Any, table: str, key: list[tuple[str, str]]) -> None:
    throughput = ots.ReservedThroughput(ots.CapacityUnit(0, 0))
    client.create_table(ots.TableMeta(table, key), ots.TableOptions(), throughput)


def batch(table: str, rows: list[Any], condition: Any = IGNORE) -> Any:
    request = ots.BatchWriteRowRequest()
    items = [ots.PutRowItem(row, condition) for row in rows]
    request.add(ots.TableInBatchWriteRowItem(table, items))
    return request


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def rated(server: Server, result: Result, what: str, count: int) -> Iterator[None]:
    """Put the rates of `count` things done in the block into `result`."""
    wall, processor = time.perf_counter(), processor_s(server.pid)
    yield
    wall, processor = time.perf_counter() - wall, processor_s(server.pid) - processor
    result[f"{what}/s"] = round(count / wall)
    result[f"{what}/s of server processor"] = round(count / processor)


def write_batches(url: str, writer: int, batches: int, condition: Any = IGNORE) -> None:
    client = connect(url)
    for number in range(batches):
        keys = [
            [("s", f"session-{writer}-{number % 7}"), ("n", number * 200 + row), ("id", f"{row}")]
            for row in range(200)
        ]
        rows = [ots.Row(key, COLUMNS) for key in keys]
        answer = client.batch_write_row(batch("rows", rows, condition))
        assert answer.is_all_succeed()


def put_rows(url: str, writer: int, rows: int) -> None:
    client = connect(url)
    for number in range(rows):
        key = [("s", f"single-{writer}"), ("n", number), ("id", "x")]
        client.put_row("rows", ots.Row(key, COLUMNS), IGNORE)


def in_processes(work: Callable[[str, int, int], None], url: str, each: int, count: int) -> None:
    """The client is the slower side: several of them keep one server busy."""
    spawn = get_context("spawn")
    processes = [spawn.Process(target=work, args=(url, n, each)) for n in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


def bench_writes(server: Server) -> Result:
    result: Result = {}
    client = connect(server.url)
    create(client, "rows", KEY)
    write_batches(server.url, 9, 5)  # warm
    with rated(server, result, "rows, 200 a batch, one client", 40 * 200):
        write_batches(server.url, 0, 40)
    with rated(server, result, "rows that must be new, 200 a batch, one client", 40 * 200):
        write_batches(server.url, 8, 40, NOT_THERE)
    with rated(server, result, "rows, 200 a batch, two clients with their start", 80 * 200):
        in_processes(write_batches, server.url, 40, 2)
    with rated(server, result, "PutRow, one client", 2000):
        put_rows(server.url, 0, 2000)
    with rated(server, result, "PutRow, two clients with their start", 6000):
        in_processes(put_rows, server.url, 3000, 2)
    return result


def bench_ranges(server: Server) -> Result:
    result: Result = {}
    client = connect(server.url)
    rows, start = 0, [(name, ots.INF_MIN) for name, _ in KEY]
    end = [(name, ots.INF_MAX) for name, _ in KEY]
    with rated(server, result, "rows of GetRange", 20_000):
        while start and rows < 20_000:
            limit = min(5000, 20_000 - rows)
            _, start, page, _ = client.get_range(
                "rows", "FORWARD", start, end, None, limit, None, 1
            )
            rows += len(page)
    assert rows == 20_000
    return result


def document(rng: random.Random, number: int) -> Any:
    vector = [round(rng.uniform(-1, 1), 3) for _ in range(DIMENSION)]
    columns = [
        ("user_id", f"user-{number % USERS}"),
        ("text", " ".join(rng.choices(WORDS, k=8))),
        ("embedding", json.dumps(vector)),
    ]
    return ots.Row([("document_id", f"d{number:07}"), ("tenant_id", "__default")], columns)


def bench_search(server: Server, documents: int) -> Result:
    client, rng = connect(server.url), random.Random(7)
    create(client, "memory", [("document_id", "STRING"), ("tenant_id", "STRING")])
    client.create_search_index("memory", "i", ots.SearchIndexMeta(search_fields()))
    began = time.perf_counter()
    for start in range(0, documents, 200):
        rows = [document(rng, n) for n in range(start, min(start + 200, documents))]
        assert client.batch_write_row(batch("memory", rows)).is_all_succeed()
    everything = ots.SearchQuery(ots.MatchAllQuery(), limit=0, get_total_count=True)
    wait_until(lambda: client.search("memory", "i", everything).total_count == documents, "indexed")
    result: Result = {
        f"{documents} documents written and indexed, s": round(time.perf_counter() - began)
    }
    for name, query in searches(rng).items():
        result[name] = latencies(client, query)
    return result


def search_fields() -> list[Any]:
    kind = ots.FieldType
    vector = ots.VectorOptions(
        ots.VectorDataType.VD_FLOAT_32, ots.VectorMetricType.VM_COSINE, DIMENSION
    )
    return [
        ots.FieldSchema("user_id", kind.KEYWORD),
        ots.FieldSchema("text", kind.TEXT, analyzer=ots.AnalyzerType.MAXWORD),
        ots.FieldSchema("embedding", kind.VECTOR, vector_options=vector),
    ]


def searches(rng: random.Random) -> dict[str, Callable[[], Any]]:
    def user() -> Any:
        return ots.TermQuery("user_id", f"user-{rng.randrange(USERS)}")

    def words() -> Any:
        return ots.MatchQuery("text", " ".join(rng.sample(WORDS, 2)))

    def near() -> Any:
        vector = [rng.uniform(-1, 1) for _ in range(DIMENSION)]
        return ots.KnnVectorQuery("embedding", top_k=10, float32_query_vector=vector, filter=user())

    return {
        "search of a user's documents, ms": user,
        "search of a user's words, ms": lambda: ots.BoolQuery(must_queries=[user(), words()]),
        "search of a user's nearest, ms": near,
    }


def latencies(client: Any, query: Callable[[], Any], count: int = 200) -> dict[str, float]:
    took = []
    by_score = ots.Sort(sorters=[ots.ScoreSort(sort_order=ots.SortOrder.DESC)])
    columns = ots.ColumnsToGet(return_type=ots.ColumnReturnType.SPECIFIED, column_names=["text"])
    for _ in range(count):
        request = ots.SearchQuery(query(), limit=10, sort=by_score)
        began = time.perf_counter()
        assert len(client.search("memory", "i", request, columns).rows) > 0
        took.append((time.perf_counter() - began) * 1000)
    quantiles = statistics.quantiles(took, n=100)
    return {f"p{n}": round(quantiles[n - 1], 1) for n in (50, 95, 99)}


def bench_clients(server: Server, clients: int = 20, each: int = 150) -> Result:
    """Concurrent clients, each reading what it wrote; any error ends the benchmark."""

    async def work(number: int) -> None:
        client = ots.AsyncOTSClient(
            server.url, "local", "local", "local", retry_policy=NoRetryPolicy()
        )
        try:
            for turn in range(each):
                key = [("s", f"client-{number}"), ("n", turn % 10), ("id", "x")]
                await client.put_row("rows", ots.Row(key, [("turn", turn)]), IGNORE)
                _, row, _ = await client.get_row("rows", key, max_version=1)
                assert row.attribute_columns[0][1] == turn
        finally:
            await client.close()

    async def together() -> None:
        await asyncio.gather(*(work(number) for number in range(clients)))

    result: Result = {}
    with rated(server, result, f"requests of {clients} clients", clients * each * 2):
        asyncio.run(together())
    return result | {"errors": 0}


def bench_memory(server: Server, requests: int = 20_000) -> Result:
    """The same 500 rows written and read again and again."""
    client = connect(server.url)
    sizes = []
    for _ in range(4):
        for number in range(requests // 8):
            key = [("s", "memory"), ("n", number % 500), ("id", "x")]
            client.put_row("rows", ots.Row(key, COLUMNS), IGNORE)
            client.get_row("rows", key, max_version=1)
        sizes.append(round(resident_mb(server.pid), 1))
    return {f"resident MB after each quarter of {requests} requests": sizes}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    logging.getLogger("tablestore-client").setLevel(logging.ERROR)
    results: Result = {}
    with tempfile.TemporaryDirectory() as directory:
        data = str(Path(directory) / "bench.db")
        with Server.start("tablestore", "--data", data, "--index-lag", "0") as server:
            steps = (bench_writes, bench_ranges, bench_clients, bench_memory)
            for step in steps:
                results |= step(server)
            results |= bench_search(server, options.documents)
    if options.json:
        print(json.dumps(results))
    else:
        for name, value in results.items():
            print(f"{name:<70} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
