"""Columns taken apart by numpy: names in order of appearance, decimals as float() reads them, what is left alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudovox.evaluation import columns
from pseudovox.evaluation.columns import Column, Names, plain_columns


def column(*fields: str) -> Column:
    made = plain_columns("\n".join(fields), 1)
    assert made is not None
    return made[0]


def test_columns_of_a_text() -> None:
    found = plain_columns("a bb 1\nccc d -2.5", 3)
    assert found is not None
    assert [part.strings() for part in found] == [["a", "ccc"], ["bb", "d"], ["1", "-2.5"]]
    assert found[1].equals("bb").tolist() == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        "a b\tc",
        "a b  c",
        " a b c",
        "a b c ",
        "a b",
        "a b c\n",
        "a b c\n\na b c",
        "a b\nc",
        "a b \u00e9",
        "x y" + 65 * "z",
    ],
)
def test_other_texts_are_left(text: str) -> None:
    assert plain_columns(text, 3) is None


@pytest.mark.parametrize("slot_bits", [1, 20])  # 1: nearly every name in a slot of another
def test_names_are_numbered_as_they_appear(monkeypatch: pytest.MonkeyPatch, slot_bits: int) -> None:
    monkeypatch.setattr(columns, "_SLOT_BITS", slot_bits)
    draw = np.random.default_rng(1)
    many = [f"{'s' * (number % 40)}{number}" for number in range(3000)]
    pieces = [[many[number] for number in draw.integers(0, 3000, 2000)] for _ in range(4)]
    known, expected = Names(), dict[str, int]()
    for piece in pieces[:2]:
        for name in piece:
            expected.setdefault(name, len(expected))
        assert known.of_column(column(*piece)).tolist() == [expected[name] for name in piece]
    known.of(["another"])
    expected["another"] = len(expected)
    for piece in pieces:
        for name in piece:
            expected.setdefault(name, len(expected))
        assert known.of_column(column(*piece)).tolist() == [expected[name] for name in piece]
    assert known.numbers == expected


def test_a_name_is_not_its_beginning() -> None:
    known = Names()
    assert known.of_column(column("abcdefgh", "abcdefghi", "abcdefg", "abcdefgh")).tolist() == [0, 1, 2, 0]
    assert known.of_column(column("abcdefg", "abcdefgh")).tolist() == [2, 0]


numbers = st.one_of(
    st.decimals(-1000, 1000, places=6).map("{:f}".format),
    st.decimals(0, 1, places=12).map("{:f}".format),
    st.integers(-(10**14), 10**14).map(str),
)


@given(st.lists(numbers, min_size=1))
def test_decimals_are_rounded_as_float_does(fields: list[str]) -> None:
    found, plain = column(*fields).decimals()
    assert plain.all() and found.tolist() == [float(field) for field in fields]


@pytest.mark.parametrize("field", ["5.", ".5", "-0", "-0.0", "007", "123456789012345", "-.25"])
def test_plain_decimals(field: str) -> None:
    found, plain = column(field).decimals()
    assert plain.all() and found[0] == float(field) and math.copysign(1, found[0]) == math.copysign(1, float(field))


@pytest.mark.parametrize(
    "field",
    [
        "1e3",
        "inf",
        "nan",
        "-",
        ".",
        "-.",
        "1.2.3",
        "1-2",
        "--1",
        "1_0",
        "0x1",
        "1234567890123456",
        "0.1234567890123456789",
    ],
)
def test_what_is_not_plain(field: str) -> None:
    found, plain = column("1.5", field).decimals()
    assert plain.tolist() == [True, False] and found.tolist() == [1.5, 0.0]
