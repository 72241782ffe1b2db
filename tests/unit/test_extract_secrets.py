"""What is masked before anybody sees it, what is not, and that no text takes long to look through."""

import ast
import re
from pathlib import Path

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from tablestore_memory.worker.secrets import card_numbers, masking, patterns
from tablestore_memory.worker.secrets.masking import (
    MOST_SCANNED,
    holds_secret,
    masked,
    masked_texts,
)

PEM = """-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED

MIIEowIBAAKCAQEAx
q83v==
-----END RSA PRIVATE KEY-----"""

# The text, and what of it must not be left.
SECRETS = [
    ("my password is: hunter2", "hunter2"),
    ("My password is swordfish.", "swordfish"),
    ("my password's hunter2", "hunter2"),
    ("the password for the guest room is sesame1", "sesame1"),
    ("password hunter22", "hunter22"),
    ('{"password": "open sesame", "user": "bob"}', "sesame"),
    ("DB_PASSWORD=s3cr3t!", "s3cr3t"),
    ("密码：芝麻开门", "芝麻开门"),
    ("密码：hunter2。我喜欢茶。", "hunter2"),
    ("我的密码是abc12。", "abc12"),
    ("口令为abc12", "abc12"),
    ("我把密码改成了abc123", "abc123"),
    ("I changed my wifi password to hunter22.", "hunter22"),
    ("api_key: abcd1234efgh", "abcd1234efgh"),
    ("client_secret=aB3dE5fG7hI9", "aB3dE5fG7hI9"),
    ("https://api.example.com/x?access_token=9f8e7d6c5b4a3210", "9f8e7d6c5b4a3210"),
    ("密钥：a1b2c3d4e5f6", "a1b2c3d4e5f6"),
    ("the secret is 9fK2-aaQ1-zzz9, keep it", "aaQ1"),
    ("licence key: ABCD-1234-EFGH-5678", "1234"),
    ("my PIN is 4321", "4321"),
    ("CVV 123", "123"),
    ("验证码是123456", "123456"),
    ("身份证号：11010119900307447X", "11010119900307447X"),
    (PEM, "MIIEow"),
    (PEM, "q83v"),
    (f"here it is: {PEM[:70]}", "MII"),  # cut off
    ("github_pat_11ABCDEFG0abcdefghijklmnop", "abcdefgh"),
    ("ghp_abcdefghijklmnop1234", "abcdefgh"),
    ("gho_abcdefghijklmnop1234", "abcdefgh"),
    ("glpat-abcdefghij1234567890", "abcdefgh"),
    ("sk-abcdefghijklmnop1234", "abcdefgh"),
    ("sk-ant-api03-AbCd1234_efgh-5678", "AbCd1234"),
    ("sk-0123456789abcdef0123456789abcdef", "0123"),
    ("hf_AbCdEfGhIjKlMnOpQrStUv", "AbCd"),
    ("xoxb-123456789-abcdefgh", "abcdefgh"),
    ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN"),
    ("LTAI5tQnKxxAbCdEfGh12345", "5tQnKxx"),
    ("我的key是LTAI5tQnKxxAbCdEfGh12345，别外传", "5tQnKxx"),
    ("AIzaSyA-1234567890abcdefghijklmnopqrs", "SyA"),
    ("Authorization: Bearer abc.def123456", "def123456"),
    ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpw"),
    ("bearer 0123456789abcdef", "0123456789abcdef"),
    ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0NTY3ODkw.c2ln", "eyJ"),
    ("postgres://u:p4ss@db.example.com/app", "p4ss"),
    ("redis://:p4ss@127.0.0.1:6379/0", "p4ss"),
    ("4111 1111 1111 1111", "1111"),
    ("4111.1111.1111.1111", "1111"),
    ("4111-1111-1111-1111", "1111"),
    ("4111–1111–1111–1111", "1111"),  # en dashes
    ("4111111111111111", "1111"),
    ("41 11 11 11 11 11 11 11", "11 11"),
    ("order 12, 2024 4111 1111 1111 1111 ok", "1111"),
    ("3782 822463 10005", "822463"),
    ("6222 0212 3456 7890 128", "7890"),
    ("４１１１　１１１１　１１１１　１１１１", "１１１１"),
    ("110101199003074477", "19900307"),
    ("110101 19900307 4477", "19900307"),
    ("身份证１１０１０１１９９００３０７４４７７", "１９９００３０７"),
    ("078-05-1120", "1120"),
]
HARMLESS = [
    "The secret is that she is pregnant.",
    "The secret to good bread is time.",
    "my password was stolen",
    "His passwords were leaked last year, so he changed them all.",
    "The secret is out: I'm moving to Berlin. Our secret is love.",
    "密码是我的生日",
    "My password is safe, I changed it 3 times in 2023.",
    "Passwords are hard. I forgot my password.",
    "A password reset is required",
    "The password is 12 characters long; set the password to something safe.",
    "把密码改为更长的",
    "the token is expired",
    "token prices rose by 12345678 dollars; max_tokens: 4000",
    "the key is practice, my key point: be kind",
    "the key is step-by-step-work, the token is gpt-4-turbo, the key: 2025-0304-1200",
    "密码是什么？密码被盗了，密码忘了。",
    "密码学是一门课",
    "她的秘密是她怀孕了",
    "she is the bearer of bad news",
    "Basic understanding of English",
    "sk-learn-tutorials are good, risk-averse-investors too",
    "The security code is printed on the back",
    "2023-05-08T13:56:00, 2023-05-08 2023-05-09",
    "I paid 1,234,567.89 for 12 of 4500",
    "3.14159265358979323846, 0.5333333333333333, 4.333333333333333",
    "call +86 138 0013 8000 or 555-123-4567 or +49 1512 3456789",
    "ISBN 978-3-16-148410-0, EAN 4006381333931",
    "stamps 1700000000000 and 1700000000000000",
    "550e8400-e29b-41d4-a716-446655440000",
    "http://localhost:8080/a@b user@example.com git@github.com:org/repo.git",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_secret_is_found_and_masked(text: str, secret: str) -> None:
    assert holds_secret(text)
    assert secret not in masked(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert masked(text) == text
    assert not holds_secret(text)


def test_sentence_around_a_secret_stays() -> None:
    said = "Hi. My password is hunter22! postgres://u:pw@db/app is it. 密码：hunter2。我喜欢茶。"

    assert masked(said) == (
        "Hi. My password is [secret]! postgres://[secret]@db/app is it. 密码：[secret]。我喜欢茶。"
    )


def test_text_after_a_private_key_stays() -> None:
    assert masked(f"mine:\n{PEM}\nI like tea.") == "mine:\n[secret]\nI like tea."


def test_what_was_masked_before_still_counts_as_a_secret() -> None:
    assert holds_secret("My password is [secret].")


def test_lone_surrogate_hides_nothing() -> None:
    assert masked("\ud800 password: hunter2") == "\ud800 password: [secret]"


def test_document_keeps_its_ids_and_media_and_loses_its_secrets() -> None:
    picture = {"type": "image", "image_url": "data:,password:hunter2"}
    document = {
        "id": "password:1",
        "content": [{"type": "text", "text": "password: hunter2"}, picture],
        "usage": {"tokens": 5, "note": ["sk-abcdefghijklmnop1234"]},
    }

    assert masked_texts(document) == {
        "id": "password:1",
        "content": [{"type": "text", "text": "password: [secret]"}, picture],
        "usage": {"tokens": 5, "note": ["[secret]"]},
    }
    assert document["content"][0]["text"] == "password: hunter2"  # type: ignore[index]


def test_document_may_be_nested_more_deeply_than_python_calls() -> None:
    deep: dict[str, object] = {"text": "password: hunter2"}
    for _ in range(5_000):
        deep = {"a": deep}

    inner = masked_texts(deep)

    for _ in range(5_000):
        inner = inner["a"]
    assert inner == {"text": "password: [secret]"}


pieces = st.sampled_from(
    [*(text for text, _ in SECRETS), *HARMLESS, " ", "\n", "：", "。", "[secret]"]
)
texts = st.lists(st.one_of(pieces, st.text(max_size=20)), max_size=8).map(". ".join)


@given(texts)
def test_masking_twice_is_masking_once(text: str) -> None:
    once = masked(text)

    assert masked(once) == once


@given(texts)
def test_text_without_a_secret_is_not_changed(text: str) -> None:
    assert holds_secret(text) or masked(text) == text


# Time grows linearly with the text. By construction, as clocks prove nothing: the engine is RE2 throughout, whose
# searches are linear; a search reads no further than its match, but for a bounded number of characters,
# as nothing unbounded is followed by what must be there; and the text is bounded too.
MODULES = (masking, patterns, card_numbers)
PATTERNS = {
    name: value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, re2._Regexp)
}


def test_nothing_but_re2_matches() -> None:
    for module in MODULES:
        tree = ast.parse(Path(str(module.__file__)).read_text())
        imported = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        }
        assert not imported & {"re", "regex", "fnmatch"}
    assert len(PATTERNS) >= 8


# Matched at the front of a text of bounded length, see the next test.
@pytest.mark.parametrize("name", sorted(PATTERNS.keys() - {"_NAMED", "_SAID", "_ORDINARY"}))
def test_unbounded_repetition_stands_at_the_end_of_its_alternative(name: str) -> None:
    plain = re.sub(
        r"\\p\{\w+\}|\\.", "x", PATTERNS[name].pattern.replace(r"\z", "").replace(r"\b", "")
    )
    plain = re.sub(r"\[(?:[^\]])*\]", "x", plain)

    unbounded = list(re.finditer(r"(?<!\()[*+]|\{\d+,\}", plain))

    for found in unbounded:
        assert may_end(plain[found.end() :].removeprefix("?")), plain[found.start() - 20 :][:60]


def may_end(rest: str) -> bool:
    """Whether a pattern may be over here: only closing brackets, an end of text, or alternatives follow."""
    while rest and rest[0] != "|":
        if rest[0] == "*" or rest[0] == ")":
            rest = rest[1:]
        elif found := re.match(r"\((?:\?:)?[^()]*\|\)", rest):  # something, or the end of the text
            rest = rest[found.end() :]
        else:
            return False
    return True


@pytest.mark.parametrize("name", ["_NAMED", "_SAID"])
def test_value_of_a_label_is_looked_for_in_a_bounded_text(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Watched:
        def match(self, text: str) -> None:
            seen.append(len(text))

    monkeypatch.setattr(patterns, name, Watched())

    masked("password: " * 10 + "password is " + "x" * 100_000)

    assert seen and max(seen) <= max(patterns._REACHES)


def test_text_of_nothing_but_labels_is_not_looked_at_label_by_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    monkeypatch.setattr(masking, "value_after", lambda label, text: seen.append(label))

    kept = masked("the key " * 20_000)

    assert len(seen) == 1_000
    assert kept == "the key " * 1_000 + "the [secret]"


def test_no_more_than_one_event_is_looked_through() -> None:
    long = "a " * MOST_SCANNED

    assert len(masked(long)) == MOST_SCANNED
    assert holds_secret(long)
