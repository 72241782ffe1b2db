"""Our PlainBuffer codec and the SDK's, written apart from each other, check each other."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tablestore.metadata import INF_MAX, INF_MIN
from tablestore.plainbuffer.plain_buffer_builder import PlainBufferBuilder
from tablestore.plainbuffer.plain_buffer_coded_stream import PlainBufferCodedInputStream
from tablestore.plainbuffer.plain_buffer_stream import PlainBufferInputStream

from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid
from tablestore_memory.localcloud.tablestore.plainbuffer import (
    HEADER_BYTES,
    Bound,
    CellChange,
    CellOp,
    Row,
    cut,
    decode,
    decode_row,
    encode_bare_row,
    encode_row,
    native,
    with_header,
)
from tests.examples import examples

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
integers = st.integers(-(2**63), 2**63 - 1)
texts = st.text(max_size=20)
doubles = st.floats(allow_nan=False, allow_infinity=False)
key_values = st.one_of(integers, texts, st.binary(max_size=20))
column_values = st.one_of(key_values, st.booleans(), doubles)
stamps = st.none() | st.integers(0, 2**53)
keys = st.lists(st.tuples(names, key_values), min_size=1, max_size=4)
columns = st.lists(st.tuples(names, column_values, stamps), max_size=6)


def for_sdk(value: Any) -> Any:
    return bytearray(value) if isinstance(value, bytes) else value


def sdk_rows(raw: bytes) -> list[tuple[Any, Any]]:
    rows = PlainBufferCodedInputStream(PlainBufferInputStream(raw)).read_rows()
    return [(row.primary_key, row.attribute_columns) for row in rows]


@settings(max_examples=50, deadline=None)
@given(keys, columns)
def test_what_we_write_we_read(key: Any, cells: Any) -> None:
    row = decode_row(encode_row(key, cells))

    assert row.key == key
    assert row.cells == [CellChange(name, value, stamp, None) for name, value, stamp in cells]
    assert not row.delete


@settings(max_examples=200, deadline=None)
@given(keys, columns, st.sets(names), st.booleans())
def test_row_is_cut_to_the_bytes_that_its_columns_make(
    key: Any, cells: Any, others: Any, stamped: bool
) -> None:
    wanted = others | {name for name, _, _ in cells[::2]}
    kept = sorted((cell for cell in cells if not wanted or cell[0] in wanted), key=lambda c: c[0])
    is_told = not stamped or all(stamp is not None for _, _, stamp in kept)
    bare = encode_bare_row(key, cells)

    found = cut(bare, len(key), {name.encode() for name in wanted}, stamped=stamped)

    if not kept or not is_told or len({name for name, _, _ in kept}) < len(kept):
        assert found is None
    else:
        whole = encode_bare_row(key, kept if stamped else [(n, v, None) for n, v, _ in kept])
        assert found == (whole, decode_row(HEADER_BYTES + whole).size_bytes)


def test_row_with_a_cell_whose_lengths_do_not_agree_is_not_cut() -> None:
    bare = encode_bare_row([("k", 1)], [("a", "hello", 5), ("b", 1, 5)])
    outer = bare.index(b"hello") - 9  # before the type and the length of the text itself
    other = bare[:outer] + bytes([bare[outer] + 3]) + bare[outer + 1 :]

    assert cut(bare, 1, [b"a"]) is not None
    assert [cut(other, 1, names) for names in ([b"a"], [b"b"], [])] == [None] * 3


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(keys, columns), min_size=1, max_size=3))
def test_what_we_write_the_sdk_reads(rows: Any) -> None:
    raw = with_header(encode_bare_row(key, cells) for key, cells in rows)

    assert sdk_rows(raw) == [
        (
            [(name, for_sdk(value)) for name, value in key],
            [(name, for_sdk(value), stamp) for name, value, stamp in cells],
        )
        for key, cells in rows
    ]


@settings(max_examples=50, deadline=None)
@given(keys, columns)
def test_what_the_sdk_puts_we_read(key: Any, cells: Any) -> None:
    sdk_key = [(name, for_sdk(value)) for name, value in key]
    sdk_cells = [(name, for_sdk(value), stamp) for name, value, stamp in cells]

    row = decode_row(bytes(PlainBufferBuilder.serialize_for_put_row(sdk_key, sdk_cells)))

    assert row.key == key
    assert row.cells == [CellChange(name, value, stamp, None) for name, value, stamp in cells]


@settings(max_examples=50, deadline=None)
@given(keys, columns, st.lists(names, max_size=3), st.lists(st.tuples(names, integers), max_size=2))
def test_what_the_sdk_updates_we_read(key: Any, puts: Any, gone: Any, added: Any) -> None:
    change = {
        "PUT": [(name, for_sdk(value), stamp) for name, value, stamp in puts],
        "DELETE_ALL": gone,
        "DELETE": [(name, None, 7) for name in gone],
        "INCREMENT": added,
    }
    sdk_key = [(name, for_sdk(value)) for name, value in key]

    row = decode_row(bytes(PlainBufferBuilder.serialize_for_update_row(sdk_key, change)))

    assert row.cells == [
        *(CellChange(name, value, stamp, None) for name, value, stamp in puts),
        *(CellChange(name, None, None, CellOp.DELETE_ALL_VERSIONS) for name in gone),
        *(CellChange(name, None, 7, CellOp.DELETE_ONE_VERSION) for name in gone),
        *(CellChange(name, value, None, CellOp.INCREMENT) for name, value in added),
    ]


@settings(max_examples=50, deadline=None)
@given(keys)
def test_delete_marker_is_read(key: Any) -> None:
    sdk_key = [(name, for_sdk(value)) for name, value in key]

    row = decode_row(bytes(PlainBufferBuilder.serialize_for_delete_row(sdk_key)))

    assert (row.key, row.cells, row.delete) == (key, [], True)


def test_infinite_bounds_are_read() -> None:
    raw = bytes(PlainBufferBuilder.serialize_primary_key([("a", INF_MIN), ("b", INF_MAX)]))

    assert decode_row(raw).key == [("a", Bound.INF_MIN), ("b", Bound.INF_MAX)]


ROWS = [
    encode_row([("pk", "key")], [("name", "value", 1), ("n", -5, None), ("b", True, 2)]),
    encode_row([("a", 1), ("b", b"\x00\x01")], [("d", 1.5, None), ("empty", "", 3)]),
    bytes(
        PlainBufferBuilder.serialize_for_update_row(
            [("pk", "key")], {"PUT": [("x", 1)], "DELETE_ALL": ["y"], "DELETE": [("z", None, 5)]}
        )
    ),
    bytes(PlainBufferBuilder.serialize_for_delete_row([("pk", "key"), ("n", 7)])),
]


def one_byte_changed(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Every other value of every byte, one at a time."""
    for place in range(len(raw)):
        for value in range(256):
            if value != raw[place]:
                yield place, raw[:place] + bytes((value,)) + raw[place + 1 :]


def outcome(decoder: Callable[[bytes], Row], data: bytes) -> Row | None:
    """The row, or None where there is an error."""
    try:
        return decoder(data)
    except ParameterInvalid:
        return None


@pytest.mark.parametrize("raw", ROWS, ids=["put", "types", "update", "delete"])
def test_every_changed_byte_is_an_error(raw: bytes) -> None:
    """Every value of every byte: lengths and tags have no checksum of their own."""
    read = [place for place, changed in one_byte_changed(raw) if outcome(decode.decode, changed)]

    assert read == []


@pytest.mark.skipif(not native.IS_AVAILABLE, reason="the C parser is not for this platform")
@pytest.mark.parametrize("raw", ROWS, ids=["put", "types", "update", "delete"])
def test_the_c_parser_takes_no_changed_byte_for_another_row(raw: bytes) -> None:
    """It looks past the lengths before the values and at no bit of true but one: the same row."""
    row = decode.decode(raw)

    others = [
        place
        for place, changed in one_byte_changed(raw)
        if native.decode(changed) not in (None, row)
    ]

    assert others == []


@pytest.mark.skipif(not native.IS_AVAILABLE, reason="the C parser is not for this platform")
@settings(max_examples=examples(300), deadline=None)
@given(keys, columns)
def test_the_c_parser_reads_what_ours_reads(key: Any, cells: Any) -> None:
    raw = encode_row(key, cells)

    assert native.decode(raw) in (None, decode.decode(raw))


@pytest.mark.skipif(not native.IS_AVAILABLE, reason="the C parser is not for this platform")
def test_the_c_parser_reads_rows_of_text_and_numbers() -> None:
    raw = encode_row(
        [("pk", "键")], [("s", "text", 1), ("n", -5, None), ("b", True, 2), ("d", 0.5, 3)]
    )

    assert native.decode(raw) == decode.decode(raw)
    plain = native.decode(encode_row([("pk", 7)], [("s", "text", None)]))
    assert plain is not None
    assert plain.is_plain


@pytest.mark.skipif(not native.IS_AVAILABLE, reason="the C parser is not for this platform")
@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=80), st.sampled_from(ROWS), st.integers(0, 60))
def test_the_c_parser_leaves_noise_to_ours(noise: bytes, raw: bytes, start: int) -> None:
    """Behind a header, in place of a row's end, and in its middle."""
    for data in (b"\x75\x00\x00\x00" + noise, raw[:start] + noise, noise):
        row = native.decode(data)

        assert row is None or row == outcome(decode.decode, data)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(ROWS), st.data())
def test_every_cut_is_an_error(raw: bytes, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(raw) - 1))

    with pytest.raises(ParameterInvalid):
        decode_row(raw[:length])


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60))
def test_noise_is_an_error_and_never_a_crash(noise: bytes) -> None:
    with pytest.raises(ParameterInvalid):
        decode_row(b"\x75\x00\x00\x00" + noise)
