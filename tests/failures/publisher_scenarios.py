"""Programs that publish and then end in some way; each is run as a process of its own.

    python -m tests.failures.publisher_scenarios NAME

Settings come from the environment, as they would in production.
"""

import sys

if sys.argv[1:] == ["gevent_greenlets"]:
    from gevent import monkey

    monkey.patch_all()

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import ForkContext, ForkServerContext, SpawnContext

from tablestore_memory.producer import Publisher

EVENTS = int(os.environ.get("EVENTS", "300"))


def publish(publisher: Publisher, process: str, count: int = EVENTS) -> None:
    for number in range(count):
        publisher.message(
            user_id="u1",
            session_id=f"{process}-session-{number % 3}",
            role="user",
            content=f"message {number}",
            event_id=f"{process}-{number}",
        )


def normal_exit() -> None:
    publish(Publisher(), "main")


def closed_by_context() -> None:
    with Publisher() as publisher:
        publish(publisher, "main")


def sys_exit_in_thread() -> None:
    def work() -> None:
        publish(Publisher(), "main")
        sys.exit(3)

    thread = threading.Thread(target=work)
    thread.start()


def unhandled_exception() -> None:
    publish(Publisher(), "main")
    raise RuntimeError("the agent failed")


def sigterm() -> None:
    publish(Publisher(), "main")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def sigterm_handled_by_the_agent() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    publish(Publisher(), "main")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def sigkill() -> None:
    publish(Publisher(), "main")
    os.kill(os.getpid(), signal.SIGKILL)


def replay() -> None:
    """What an agent does when it starts again: it publishes one event, and delivers."""
    publisher = Publisher()
    publish(publisher, "again", 1)
    sys.exit(0 if publisher.flush(30) and publisher.close(10) else 1)


def os_fork() -> None:
    publisher = Publisher()
    publish(publisher, "main")
    if (child := os.fork()) == 0:
        publish(publisher, "child")
        sys.exit(0)
    publish_more_while_forked(publisher)
    os.waitpid(child, 0)


def publish_more_while_forked(publisher: Publisher) -> None:
    publish(publisher, "main-later")


def os_fork_hard_exit() -> None:
    """The child ends without any hook: what it published is on disk."""
    publisher = Publisher()
    publish(publisher, "main")
    if (child := os.fork()) == 0:
        publish(publisher, "child")
        os._exit(0)
    os.waitpid(child, 0)


_shared: Publisher | None = None


def _work_in_child() -> None:
    publish(_shared or Publisher(), "child")


def _multiprocessing(context: ForkContext | SpawnContext | ForkServerContext) -> None:
    global _shared
    _shared = Publisher()
    publish(_shared, "main")
    child = context.Process(target=_work_in_child)
    child.start()
    publish_more_while_forked(_shared)
    child.join()


def multiprocessing_fork() -> None:
    _multiprocessing(multiprocessing.get_context("fork"))


def multiprocessing_spawn() -> None:
    _multiprocessing(multiprocessing.get_context("spawn"))


def multiprocessing_forkserver() -> None:
    _multiprocessing(multiprocessing.get_context("forkserver"))


def process_pool() -> None:
    global _shared
    _shared = Publisher()
    publish(_shared, "main")
    publish_more_while_forked(_shared)
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        pool.submit(_work_in_child).result()


def billiard_process() -> None:
    import billiard

    publisher = Publisher()
    publish(publisher, "main")
    child = billiard.Process(target=publish, args=(publisher, "child"))
    child.start()
    publish_more_while_forked(publisher)
    child.join()


def prefork_server() -> None:
    """As gunicorn does with --preload: made and used before the fork, children end by SIGTERM."""
    publisher = Publisher()
    publish(publisher, "main")
    children: list[int] = []
    published, says = os.pipe()
    for _ in range(2):
        if (child := os.fork()) == 0:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            publish(publisher, f"worker-{len(children)}")
            os.write(says, b"x")
            time.sleep(60)
        children.append(child)
    for _ in children:
        os.read(published, 1)
    for child in children:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


def gevent_greenlets() -> None:
    """Patched first thing, as gevent asks for; see the top of this file."""
    import gevent

    publisher = Publisher()
    gevent.joinall([gevent.spawn(publish, publisher, f"greenlet-{n}") for n in range(3)])
    publisher.flush(10)


def gevent_patched_late() -> None:
    """Patched after the import of `producer`, which gevent warns of."""
    from gevent import monkey

    monkey.patch_all()
    gevent_greenlets()


def publish_until_killed() -> None:
    """Print the number of each event once it is accepted."""
    publisher = Publisher()
    print("ready", flush=True)
    number = 0
    while True:
        publisher.message(
            user_id="u1", session_id="s1", role="user", content="hi", event_id=f"main-{number}"
        )
        os.write(1, f"{number}\n".encode())
        number += 1


if __name__ == "__main__":
    globals()[sys.argv[1]]()
