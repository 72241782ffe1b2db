"""The one clock that all workers share: Redis' own. Machines may differ; their stamps here do not."""

from redis import Redis


def now_ms(redis: Redis) -> int:
    """Milliseconds since the epoch, as Redis has them."""
    seconds, micros = redis.time()
    return int(seconds) * 1000 + int(micros) // 1000
