"""Paths and types of DataMapper."""

from contextlib import suppress
from types import MappingProxyType
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from providers import JsonObject
from runner.paths import MISSING, ConvertError, PathError, Room, Type, convert, parse, read, spell, write

DOC: JsonValue = {
    "input": {
        "name": "Ada",
        "a.b": {"c": 1},
        "none": None,
        "rows": [{"id": 1, "t": [1, 2]}, {"t": [3]}],
        'q"': 2,
        "0": "zero",
    }
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", DOC),
        ("input.name", "Ada"),
        (" input.name ", "Ada"),
        ("input.none", None),
        ('input["a.b"].c', 1),
        ("input['a.b']['c']", 1),
        ('input["q\\""]', 2),
        ('["input"].name', "Ada"),
        ("input.rows[0].id", 1),
        ("input.rows.0.id", 1),
        ("input.rows[-1].t", [3]),
        ("input.0", "zero"),
        ("input.rows[*].id", [1, None]),
        ("input.rows[*].t[*]", [[1, 2], [3]]),
        ("input.rows[*].t[0]", [1, 3]),
        ("input.rows[9].id", MISSING),
        ("input.name[0]", MISSING),
        ("input.name[*]", MISSING),
        ("input.none.x", MISSING),
        ("input.nope", MISSING),
        ("input.rows.id", MISSING),
        ("input[0]", MISSING),
    ],
)
def test_reads(path: str, expected: object) -> None:
    assert read(DOC, path) == expected


@pytest.mark.parametrize(
    "path",
    ["a..b", ".a", "a.", "a[", "a[]", "a[x]", "a b[", "a]", "a['b]", "a[1.5]", "[0]b", "a" + ".a" * 64],
)
def test_text_that_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(PathError):
        read(DOC, path)


def test_a_scope_may_be_read_only() -> None:
    assert read(MappingProxyType({"data": {"a": 1}}), "data.a") == 1


def test_the_place_is_named() -> None:
    with pytest.raises(PathError, match=r"'a\.b' is followed by '\[x\]\.c'"):
        parse("a.b[x].c")


_segments = st.lists(st.one_of(st.text(min_size=1, max_size=5), st.integers(-99, 99)), min_size=1, max_size=6)


@given(_segments)
def test_spelling_reads_back(segments: list[str | int]) -> None:
    assert parse(spell(segments)) == tuple(segments)


@given(
    st.lists(st.one_of(st.text(min_size=1, max_size=5), st.integers(0, 5)), max_size=5),
    st.text(min_size=1, max_size=5),
)
def test_what_is_written_is_read(segments: list[str | int], first: str) -> None:
    target: JsonObject = {}
    path = spell([first, *segments])
    write(target, path, "value")
    assert read(target, path) == "value"


def test_writes_build_what_is_missing_and_keep_the_rest() -> None:
    target: JsonObject = {"kept": 1}
    write(target, "a.b[2].c", "x")
    write(target, "a.b[0]", "y")
    write(target, 'a["odd.key"]', [])
    write(target, "rows[*].id", [1, 2])
    write(target, "rows[*].name", ["a", "b", "c"])
    assert target == {
        "kept": 1,
        "a": {"b": ["y", None, {"c": "x"}], "odd.key": []},
        "rows": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"name": "c"}],
    }


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("a.b", 1, "a is already the text: a.b needs an object there"),
        ("list.x", 1, "list is already a list: list.x needs an object there"),
        ("o[0]", 1, r"o is already an object: o\[0\] needs a list there"),
        ("list[10001]", 1, "an index is at most 10000"),
        ("list[-1]", 1, "not write there"),
        ("list[*]", 1, r"list\[\*\] takes a list, and the value is the number"),
        ("[0]", 1, "cannot write to"),
        ("", 1, "cannot write to"),
    ],
)
def test_writes_that_cannot_be(path: str, value: JsonValue, words: str) -> None:
    with pytest.raises(PathError, match=words):
        write({"a": "text", "list": [1], "o": {}}, path, value)


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        (1.5, "string", "1.5"),
        (True, "string", "true"),
        ({"a": [1]}, "string", '{"a":[1]}'),
        (" 12 ", "number", 12),
        ("1e3", "number", 1000.0),
        ("-.5", "number", -0.5),
        (3.0, "integer", 3),
        ("3", "integer", 3),
        ("Yes", "boolean", True),
        ("off", "boolean", False),
        (1, "boolean", True),
        ('{"a": 1}', "object", {"a": 1}),
        ("[1]", "array", [1]),
        ('"x"', "json", "x"),
        ({"a": 1}, "json", {"a": 1}),
        ("2026-01-02", "date", "2026-01-02"),
        ("2026-01-02T03:04:05+02:00", "date", "2026-01-02T01:04:05.000Z"),
        ("2026-01-02 03:04:05.5", "date", "2026-01-02T03:04:05.500Z"),
        (0, "date", "1970-01-01T00:00:00.000Z"),
        (1_700_000_000_123, "date", "2023-11-14T22:13:20.123Z"),
    ],
)
def test_converts(value: JsonValue, wanted: Type, expected: JsonValue) -> None:
    found = convert(value, wanted)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize("wanted", get_args(Type))
def test_null_stays_null(wanted: Type) -> None:
    assert convert(None, wanted) is None


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("abc", "number"),
        ("١٢", "integer"),
        (True, "number"),
        ("1e999", "number"),
        ("9" * 5000, "number"),
        ("99999999999999999999", "integer"),
        (1.5, "integer"),
        (1e300, "integer"),
        ("maybe", "boolean"),
        (2, "boolean"),
        ([], "object"),
        ("{", "object"),
        ("[1]", "object"),
        (1, "array"),
        ("[" * 100, "json"),
        ("\ud800", "json"),
        ("yesterday", "date"),
        (1e30, "date"),
        ([], "date"),
        (True, "date"),
    ],
)
def test_what_cannot_be_converted_says_so(value: JsonValue, wanted: Type) -> None:
    with pytest.raises(ConvertError, match=f"cannot become {wanted}"):
        convert(value, wanted)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists
    ),
    st.sampled_from(get_args(Type)),
)
def test_convert_gives_a_value_or_its_own_error(value: JsonValue, wanted: Type) -> None:
    with suppress(ConvertError):
        convert(value, wanted)


def test_a_list_inside_every_item_of_a_list_is_no_bomb() -> None:
    with pytest.raises(PathError, match="more than 1000000 places"):
        write({}, "rows[*].values[9999]", list[JsonValue]([1] * 1000))


def test_several_writes_share_their_room() -> None:
    room = Room(15)
    target: JsonObject = {}
    write(target, "a[9]", 1, room)
    write(target, "a[3]", 1, room)
    with pytest.raises(PathError):
        write(target, "b[9]", 1, room)
