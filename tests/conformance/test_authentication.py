"""Signatures of both versions, and everybody who must stay outside."""

import hashlib
import http.client
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import tablestore as ots
from tablestore.auth import RequestContext, SignV2
from tablestore.credentials import StaticCredentialsProvider
from tablestore.encoder import NativeEncodedBytes
from tablestore.protobuf import table_store_pb2 as pb
from tablestore.retry import NoRetryPolicy

from tests.conformance.tablestore import Blocking, Service, get_columns, put, refused

pytestmark = pytest.mark.usefixtures("local_only")
KEY = [("pk", "a")]


@pytest.fixture(params=["sync", "async"])
def v4_client(request: pytest.FixtureRequest, service: Service) -> Iterator[Any]:
    options = {"region": "cn-hangzhou", "retry_policy": NoRetryPolicy()}
    if request.param == "sync":
        yield service.sync_client(**options)
        return
    client = Blocking(lambda: service.async_client(**options))
    yield client
    client.shutdown()


def test_v4_signature_is_taken_and_answered(v4_client: Any, table: str) -> None:
    put(v4_client, table, KEY, [("x", 1)])

    assert get_columns(v4_client, table, KEY) == {"x": 1}


def test_v4_signature_of_another_day_is_taken_as_signed(service: Service) -> None:
    client = service.sync_client(region="cn-beijing", sign_date="20200101")

    assert isinstance(client.list_table(), tuple)


def test_sts_token_is_taken(service: Service, table: str) -> None:
    client = service.sync_client(sts_token="a-token-of-the-security-service")

    put(client, table, KEY, [("x", 1)])

    assert get_columns(client, table, KEY) == {"x": 1}


def test_errors_are_signed_too(v4_client: Any, fresh_name: str) -> None:
    with refused("OTSObjectNotExist", 404):
        v4_client.describe_table(fresh_name)


@pytest.mark.parametrize("options", [{}, {"region": "cn-hangzhou"}])
def test_wrong_secret_is_refused(service: Service, options: dict[str, str]) -> None:
    client = replace(service, access_key_secret="wrong").sync_client(**options)

    with refused("OTSAuthFailed", 403, "Signature mismatch."):
        client.list_table()


def test_unknown_key_is_refused(service: Service) -> None:
    client = replace(service, access_key_id="nobody").sync_client()

    with refused("OTSAuthFailed", 403, "The AccessKeyID does not exist."):
        client.list_table()


def test_unknown_instance_is_refused(service: Service) -> None:
    client = replace(service, instance="elsewhere").sync_client()

    with refused("OTSAuthFailed", 403, "The instance is not found."):
        client.list_table()


def signed_headers(service: Service, body: bytes, *, age: timedelta = timedelta()) -> Any:
    """What the SDK sends with ListTable, `age` ago."""
    date = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    headers = {
        "x-ots-date": date,
        "x-ots-apiversion": "2015-12-31",
        "x-ots-accesskeyid": service.access_key_id,
        "x-ots-instancename": service.instance,
        "x-ots-contentmd5": b64encode(hashlib.md5(body).digest()).decode(),
    }
    provider = StaticCredentialsProvider(service.access_key_id, service.access_key_secret)
    context = RequestContext(provider.get_credentials())
    SignV2("utf8").make_request_signature_and_add_headers("/ListTable", headers, context)
    return headers


def send(
    service: Service, headers: dict[str, str], body: bytes = b"", method: str = "POST"
) -> tuple[int, str, str]:
    """Status, code and message of the answer."""
    connection = http.client.HTTPConnection(urlsplit(service.endpoint).netloc)
    try:
        connection.request(method, "/ListTable", body, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status == 200:
        return 200, "", ""
    error = pb.Error.FromString(content)
    return answer.status, error.code, error.message


def test_request_as_the_sdk_sends_it_is_taken(service: Service) -> None:
    assert send(service, signed_headers(service, b""))[0] == 200


@pytest.mark.parametrize("age", [timedelta(minutes=16), timedelta(minutes=-16)])
def test_clock_that_is_16_minutes_off_is_refused(service: Service, age: timedelta) -> None:
    status, code, message = send(service, signed_headers(service, b"", age=age))

    assert (status, code) == (403, "OTSAuthFailed")
    assert message.startswith("Mismatch between system time and x-ots-date:")


@pytest.mark.parametrize("age", [timedelta(minutes=14), timedelta(minutes=-14)])
def test_clock_that_is_14_minutes_off_is_taken(service: Service, age: timedelta) -> None:
    assert send(service, signed_headers(service, b"", age=age))[0] == 200


def test_body_other_than_signed_is_refused(service: Service) -> None:
    status, code, message = send(service, signed_headers(service, b""), b"\x00")

    assert (status, code) == (403, "OTSAuthFailed")
    assert message.startswith("Mismatch between MD5 value")


@pytest.mark.parametrize("missing", ["x-ots-date", "x-ots-contentmd5", "x-ots-signature"])
def test_missing_header_is_named(service: Service, missing: str) -> None:
    headers = signed_headers(service, b"")
    del headers[missing]

    assert send(service, headers) == (400, "OTSParameterInvalid", f"Missing header: '{missing}'.")


def test_bad_date_is_refused(service: Service) -> None:
    headers = signed_headers(service, b"") | {"x-ots-date": "yesterday"}

    assert send(service, headers) == (
        400,
        "OTSParameterInvalid",
        "Invalid date format: yesterday.",
    )


def test_header_changed_after_signing_is_refused(service: Service) -> None:
    headers = signed_headers(service, b"") | {"x-ots-extra": "1"}

    assert send(service, headers)[1:] == ("OTSAuthFailed", "Signature mismatch.")


def test_anything_but_post_is_refused(service: Service) -> None:
    status, code, _ = send(service, signed_headers(service, b""), method="PUT")

    assert (status, code) == (405, "OTSMethodNotAllowed")


def test_body_over_16_mb_is_refused(service: Service) -> None:
    body = bytes(16 * 1024 * 1024 + 1)

    assert send(service, signed_headers(service, body), body)[:2] == (413, "OTSRequestBodyTooLarge")


def test_message_that_is_no_protobuf_is_refused(service: Service) -> None:
    client = service.sync_client()
    encode = client.protocol.encoder.encode_request
    client.protocol.encoder.encode_request = lambda *_: NativeEncodedBytes(b"\xff\xff\xff")
    try:
        with refused("OTSParameterInvalid", 400, "Parse PBMessage from RawString failed."):
            client.describe_table("t")
    finally:
        client.protocol.encoder.encode_request = encode


def test_every_answer_has_its_own_request_id(service: Service) -> None:
    client = service.sync_client()
    ids = set()
    for _ in range(3):
        try:
            client.describe_table("nothing")
        except ots.OTSServiceError as error:
            ids.add(error.get_request_id())

    assert len(ids) == 3
