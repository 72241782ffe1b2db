"""The one place where DashScope's errors become ours: what its SDK raises, returns, or leaves out.

Source for codes: Model Studio's API reference, error codes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Protocol

from tablestore_memory.worker.errors import (
    BadCredentials,
    ContentRefused,
    NotSetUp,
    Throttled,
    Unavailable,
    Unpaid,
    UnusableReply,
    WorkerError,
)


class Call(Protocol):
    def __call__(self) -> Any: ...


def reached(call: Call) -> Any:
    """Make a call; raise ours for what the SDK raises or returns instead of an answer."""
    import requests

    try:
        response = call()
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError) as error:
        raise Unavailable(f"Qwen: connection: {error}") from error
    except requests.exceptions.Timeout as error:
        raise Unavailable(f"Qwen: timed out: {error}") from error
    except UnicodeEncodeError as error:
        raise UnusableReply("Qwen: the text holds a lone surrogate") from error
    except (ValueError, TypeError) as error:
        # Broken JSON, or an answer without `output`: the SDK trips over it.
        raise Unavailable(f"Qwen: the response cannot be read: {error}") from error
    if response.status_code != HTTPStatus.OK:
        raise from_code(response.status_code, response.code or "", response.message or "")
    if not response.output:
        raise Unavailable(f"Qwen: a response without output, request {response.request_id}")
    return response


@contextmanager
def readable() -> Iterator[None]:
    """A response that lacks what every answer has was not the service's answer: worth another try."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise Unavailable(f"Qwen: the response lacks {error}") from error


_UNPAID = ("Arrearage", "AllocationQuota.FreeTierOnly", "CommodityNotPurchased")
_DENIED = ("InvalidApiKey", "AccessDenied", "Model.AccessDenied", "Workspace.AccessDenied")


def from_code(status: int, code: str, message: str) -> WorkerError:
    """The error for a service code, in the order of what must be told apart first."""
    text = f"Qwen: {status} {code}: {message}"
    if code in _UNPAID or code.endswith("BillOverdue") or "Free allocated quota" in message:
        return Unpaid(text)
    if code.startswith(_DENIED) or status == HTTPStatus.UNAUTHORIZED:
        return BadCredentials(text)
    # "url error": a model that this path does not serve.
    if code == "ModelNotFound" or status == HTTPStatus.NOT_FOUND or "url error" in message:
        return NotSetUp(text)
    if code == "DataInspectionFailed" or code.endswith(".DataInspectionFailed"):
        return ContentRefused(text)
    if status == HTTPStatus.TOO_MANY_REQUESTS or code.startswith("Throttling"):
        return Throttled(text)
    if status == HTTPStatus.BAD_REQUEST:
        return UnusableReply(text)
    return Unavailable(text)
