"""The strict reader: what it refuses, what it keeps, and that its work grows with the length of the input only."""

from __future__ import annotations

import json
import time
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers import BadJson, read_json

REFUSED = {
    "empty": b"",
    "blank": b"  ",
    "two values": b"1 2",
    "trailing comma": b"[1,]",
    "comment": b"[1] // no",
    "single quotes": b"{'a': 1}",
    "unquoted key": b"{a: 1}",
    "cut off": b'{"a": [1, 2',
    "open string": b'"abc',
    "lone backslash": b'"abc\\',
    "raw newline in a string": b'"a\nb"',
    "NaN": b"[NaN]",
    "Infinity": b"[Infinity]",
    "-Infinity": b"[-Infinity]",
    "number that overflows": b"1e200000",
    "negative overflow": b"-1e400",
    "integer of 65 bits": b"9223372036854775808",
    "negative integer of 65 bits": b"-9223372036854775809",
    "integer of 5,000 digits": b"9" * 5000,
    "leading zero": b"01",
    "NUL escape": b'"a\\u0000b"',
    "NUL in a key": b'{"a\\u0000": 1}',
    "raw NUL": b'"a\x00b"',
    "lone high surrogate": b'"\\ud800"',
    "lone low surrogate": b'"x\\udc00y"',
    "surrogates the wrong way round": b'"\\udc00\\ud800"',
    "surrogate in a key": b'[{"\\udfff": 1}]',
    "repeated key": b'{"a": 1, "a": 2}',
    "repeated key after unescaping": b'{"a": 1, "\\u0061": 2}',
    "repeated key, nested": b'[{"x": {"k": 1, "k": 1}}]',
    "latin-1": b'"\xe9"',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "overlong UTF-8": b'"\xc0\xaf"',
    "encoded surrogate": b'"\xed\xa0\x80"',
    "65 levels of arrays": b"[" * 65 + b"]" * 65,
    "65 levels of objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "100,000 levels": b"[" * 100_000 + b"]" * 100_000,
    "100,001 values": b"[" + b"0," * 100_000 + b"0]",
    "100,001 empty arrays": b"[" + b"[]," * 60_000 + b"[]]",
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_refused(raw: bytes) -> None:
    with pytest.raises(BadJson) as caught:
        read_json(raw)
    assert 0 < len(str(caught.value)) < 200


KEPT = (
    "null",
    "true",
    "0",
    "-0.0",
    "1.5e300",
    "1e-400",
    "9223372036854775807",
    "-9223372036854775808",
    '""',
    '"\\ud83d\\ude00 \\u00e9 {{ 7 * 7 }} [[[[ \\" ]]]"',
    '"\U0001f600"',
    ' \n[1, "two", {"three": [null, false]}]\t',
    "[" * 64 + "]" * 64,
    '{"a": {"a": {"a": 1}}}',
)


@pytest.mark.parametrize("text", KEPT)
def test_kept(text: str) -> None:
    assert read_json(text.encode()) == json.loads(text)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(json_values, st.booleans())
@settings(max_examples=80, deadline=None)
def test_every_value_that_fits_comes_back(value: object, ascii_only: bool) -> None:
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
@settings(max_examples=80, deadline=None)
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    with suppress(BadJson):
        read_json(raw)


SLOW = {
    "quotes that never close": b'"' + b'\\"' * 200_000 + b"\\",
    "open strings": b'"a" ' * 100_000 + b'"',
    "long string of escapes": b'"' + b"\\n" * 500_000 + b'"',
    "long digits": b"[1." + b"1" * 300_000 + b"]",
    "brackets inside a string": b'"' + b"[{" * 500_000 + b'"',
}


@pytest.mark.parametrize("raw", SLOW.values(), ids=SLOW.keys())
def test_work_and_memory_stay_in_proportion(raw: bytes) -> None:
    tracemalloc.start()
    try:
        began = time.process_time()
        with suppress(BadJson):
            read_json(raw)
        spent = time.process_time() - began
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert spent < 2, f"{spent:.2f} s of processor time for {len(raw)} bytes"
    assert peak < 16 * len(raw)
