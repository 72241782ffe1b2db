"""The SDK without its native codec: what it does by itself where that does not load."""

from collections.abc import Iterator
from contextlib import contextmanager

from tablestore import decoder, encoder

from tablestore_memory.worker.stores.codec import has_native_codec

CODECS = ("native", "python") if has_native_codec() else ("python",)
"""Those that can be measured here."""
APPS = {"native": "tablestore_memory.worker.main", "python": "bench.python_codec_worker"}
"""The worker's Celery app with each of them."""


@contextmanager
def using(codec: str) -> Iterator[None]:
    """For the clients that are made in the block."""
    use(codec)
    try:
        yield
    finally:
        use(CODECS[0])


def use(codec: str) -> None:
    """For the clients that are made from now on."""
    encoder.NATIVE_ENCODER_AVAILABLE = decoder.NATIVE_DECODER_AVAILABLE = codec == "native"
