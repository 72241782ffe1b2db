"""The one place where DashScope's errors become ours: what its SDK raises, returns, or leaves out.

No message of ours has the words of a library or of the service: those may hold the key (a refused header),
a password (a proxy's URL) or what a user said (a refused parameter). Codes, statuses, request ids and the
system's own names of failures say enough. Source for codes: Model Studio's API reference, error codes.
"""

import os
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Protocol

from tablestore_memory.worker.failures.errors import (
    BadCredentials,
    ContentRefused,
    PaymentRequired,
    RequestRefused,
    ResourceMissing,
    Throttled,
    Unavailable,
    WorkerError,
)


class Call(Protocol):
    def __call__(self) -> Any: ...


def reached(call: Call, *, trivial: bool = False) -> Any:
    """Make a call; raise ours for what the SDK raises or returns instead of an answer.

    Where the question was `trivial`, ours and no user's, the service's words are told as well.
    """
    from requests import exceptions as raised

    try:
        response = call()
    except raised.InvalidHeader:
        raise _unfit_key() from None  # its text quotes the header
    except (raised.InvalidURL, raised.InvalidSchema, raised.MissingSchema):
        raise ResourceMissing(
            "Qwen: the address cannot be asked (DASHSCOPE_HTTP_BASE_URL, HTTPS_PROXY)"
        ) from None
    except raised.Timeout as error:
        raise Unavailable("Qwen: timed out") from error
    except (raised.ChunkedEncodingError, raised.ConnectionError) as error:
        raise Unavailable(f"Qwen: no connection: {_systems_word(error)}") from error
    except UnicodeEncodeError as error:
        # A body is UTF-8, in which only a lone surrogate has no place; a header is Latin-1.
        if error.encoding != "utf-8":
            raise _unfit_key() from None
        raise RequestRefused("Qwen: the text holds a lone surrogate") from None
    except (ValueError, TypeError, raised.RequestException) as error:
        # Broken JSON, or an answer without `output`: the SDK trips over it.
        raise Unavailable(f"Qwen: an unreadable response: {type(error).__name__}") from error
    if response.status_code != HTTPStatus.OK:
        refusal = response.status_code, response.code, response.message, response.request_id
        raise from_code(*refusal, tell=trivial)
    if not response.output:
        raise Unavailable(f"Qwen: a response without output, {_request(response.request_id)}")
    return response


@contextmanager
def readable() -> Iterator[None]:
    """A response that lacks what every answer has was not the service's answer: worth another try."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise Unavailable(
            f"Qwen: the response lacks what an answer has: {type(error).__name__}"
        ) from error


def _unfit_key() -> BadCredentials:
    return BadCredentials("Qwen: the key cannot be sent in a header (DASHSCOPE_API_KEY)")


def _systems_word(error: BaseException | None) -> str:
    """Why a connection failed, in the operating system's words; else the kind of the first error."""
    kind = type(error).__name__
    while error is not None:
        match error:
            case socket.gaierror():
                return "its name is not known"
            case ssl.SSLError():
                return type(error).__name__
            case OSError(errno=int(number)):
                return os.strerror(number)
        error = error.__cause__ or error.__context__
    return kind


_UNPAID = ("Arrearage", "AllocationQuota.FreeTierOnly", "CommodityNotPurchased")
_DENIED = ("InvalidApiKey", "AccessDenied", "Model.AccessDenied", "Workspace.AccessDenied")
_MOST_WORDS = 300  # characters: a proxy may answer with a page
_MODELS = "(MEMORY_MODEL, MEMORY_EMBEDDING_MODEL)"


def from_code(
    status: int, code: object, message: object, request_id: object, *, tell: bool
) -> WorkerError:
    """The error for a service code, in the order of what must be told apart first.

    `message` is looked at where the code alone does not say it; it is repeated only to `tell`.
    """
    code, message = _word(code), str(message)
    text = f"Qwen: {int(status)} {code}, {_request(request_id)}"
    if tell:
        words = "".join(filter(str.isprintable, " ".join(message.split())))
        text += f": {words[:_MOST_WORDS]}"
    if code in _UNPAID or code.endswith("BillOverdue") or "Free allocated quota" in message:
        return PaymentRequired(text)
    if code.startswith(_DENIED) or status == HTTPStatus.UNAUTHORIZED:
        return BadCredentials(f"{text} (DASHSCOPE_API_KEY)")
    # "url error": a model that this path does not serve.
    if code == "ModelNotFound" or status == HTTPStatus.NOT_FOUND or "url error" in message:
        return ResourceMissing(f"{text} {_MODELS}")
    if code == "DataInspectionFailed" or code.endswith(".DataInspectionFailed"):
        return ContentRefused(text)
    if status == HTTPStatus.TOO_MANY_REQUESTS or code.startswith("Throttling"):
        return Throttled(text)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and (
        status != HTTPStatus.REQUEST_TIMEOUT
    ):
        return RequestRefused(text)
    return Unavailable(text)


def _request(request_id: object) -> str:
    """By which the service's own log has the rest."""
    return f"request {_word(request_id)}"


def _word(value: object) -> str:
    """A code or an id as it came; what is none is not repeated."""
    text = str(value or "")
    return text if re.fullmatch(r"[\w.-]{1,100}", text, re.ASCII) else "?"
