"""The worker without the SDK's native codec: `celery -A bench.python_codec_worker worker`."""

from bench.codecs import use

use("python")

from tablestore_memory.worker.main import app  # noqa: E402

__all__ = ["app"]
