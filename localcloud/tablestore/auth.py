"""Who may call: V2 and V4 request signatures, and the signature of responses.

A request signs its path and its `x-ots-*` headers, the MD5 of the body among them. A response is
signed with the key the request was. Source: API reference, "HTTP requests", "HTTP responses".
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from tablestore_memory.localcloud.tablestore.errors import AuthFailed, ParameterInvalid

API_VERSION: Final = "2015-12-31"
CLOCK_SKEW_S: Final = 15 * 60
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z")
_SIGNATURE, _SIGNATURE_V4 = "x-ots-signature", "x-ots-signaturev4"
_REQUIRED = (
    "x-ots-date",
    "x-ots-apiversion",
    "x-ots-accesskeyid",
    "x-ots-instancename",
    "x-ots-contentmd5",
)

SigningKey = bytes


@dataclass(frozen=True, slots=True)
class Account:
    """The one instance there is and the one key that opens it."""

    instance: str = "local"
    access_key_id: str = "local"
    access_key_secret: str = "local"  # noqa: S105 opens nothing but this stand-in


def authenticate(
    account: Account, path: str, headers: Mapping[str, str], body: bytes, now_s: float
) -> SigningKey:
    """The key to sign the response with. Raises AuthFailed, ParameterInvalid.

    `headers` are the request's `x-ots-*` headers with names in lower case.
    """
    for name in _REQUIRED:
        if name not in headers:
            raise ParameterInvalid(f"Missing header: '{name}'.")
    if headers["x-ots-apiversion"] != API_VERSION:
        raise ParameterInvalid(f"Unsupported API version: '{headers['x-ots-apiversion']}'.")
    _check_clock(headers["x-ots-date"], now_s)
    if headers["x-ots-accesskeyid"] != account.access_key_id:
        raise AuthFailed("The AccessKeyID does not exist.")
    if headers["x-ots-instancename"] != account.instance:
        raise AuthFailed("The instance is not found.")
    key = _check_signature(account, path, headers)
    if headers["x-ots-contentmd5"] != content_md5(body):
        raise AuthFailed(
            "Mismatch between MD5 value of request body and x-ots-contentmd5 in header."
        )
    return key


def content_md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def sign_response(key: SigningKey, path: str, headers: Mapping[str, str]) -> str:
    """The signature over the response's `x-ots-*` headers."""
    return _hmac(key, f"{_lines(headers)}\n{path}", "sha1")


def _check_clock(date: str, now_s: float) -> None:
    try:
        sent = datetime.fromisoformat(date if _DATE.fullmatch(date) else "")
    except ValueError as error:
        raise ParameterInvalid(f"Invalid date format: {date}.") from error
    if abs(sent.timestamp() - now_s) > CLOCK_SKEW_S:
        raise AuthFailed(f"Mismatch between system time and x-ots-date: {date}.")


def _check_signature(account: Account, path: str, headers: Mapping[str, str]) -> SigningKey:
    signed = {n: v for n, v in headers.items() if n not in (_SIGNATURE, _SIGNATURE_V4)}
    text = f"{path}\nPOST\n\n{_lines(signed)}\n"
    if _SIGNATURE_V4 in headers:
        key = _v4_key(account, headers)
        given, wanted = headers[_SIGNATURE_V4], _hmac(key, f"{text}ots", "sha256")
    elif _SIGNATURE in headers:
        key = account.access_key_secret.encode()
        given, wanted = headers[_SIGNATURE], _hmac(key, text, "sha1")
    else:
        raise ParameterInvalid(f"Missing header: '{_SIGNATURE}'.")
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise AuthFailed("Signature mismatch.")
    return key


def _v4_key(account: Account, headers: Mapping[str, str]) -> SigningKey:
    for name in ("x-ots-signdate", "x-ots-signregion"):
        if name not in headers:
            raise ParameterInvalid(f"Missing header: '{name}'.")
    date, region = headers["x-ots-signdate"], headers["x-ots-signregion"]
    return _derived_key(account.access_key_secret, date, region)


@lru_cache(maxsize=64)
def _derived_key(secret: str, date: str, region: str) -> SigningKey:
    key = f"aliyun_v4{secret}".encode()
    for part in (date, region, "ots", "aliyun_v4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return base64.b64encode(key)


def _lines(headers: Mapping[str, str]) -> str:
    return "\n".join(sorted(f"{name}:{value.strip()}" for name, value in headers.items()))


def _hmac(key: bytes, text: str, digest: str) -> str:
    return base64.b64encode(hmac.digest(key, text.encode(), digest)).decode()
