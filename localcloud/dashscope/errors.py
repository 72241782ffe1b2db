"""What the service answers instead of a result.

Owns codes, statuses and messages of the refusals this stand-in makes itself; the injected ones
stand in `faults`. Statuses and codes are the service's, messages are our own words where no caller
goes by them. Sources: the references of error codes, text generation and text embedding.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceError(Exception):
    """One error answer: HTTP status, the service's code, its message."""

    status: int
    code: str
    message: str


def invalid_parameter(message: str) -> ServiceError:
    return ServiceError(400, "InvalidParameter", message)


def invalid_api_key() -> ServiceError:
    return ServiceError(401, "InvalidApiKey", "Invalid API-key provided.")


def model_not_found(model: str) -> ServiceError:
    return ServiceError(404, "ModelNotFound", f"Model can not be found: {model}.")


def url_error() -> ServiceError:
    """What a multimodal model answers on the path of text generation."""
    return invalid_parameter("url error, please check url!")


def not_served(path: str) -> ServiceError:
    return ServiceError(404, "NotFound", f"The local rules do not serve {path}.")
