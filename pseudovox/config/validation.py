"""Nested values held against nested dataclasses: the check behind every key of the configuration.

values = checked({"seed": "7"}, Config, "recipe.yaml", {"seed": 3})     # {"seed": 7}, or a UsageError
config = build(Config, merged(asdict(Config()), values))
"""

from __future__ import annotations

import difflib
import functools
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pseudovox.core.errors import UsageError

_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")
_LEAF = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def checked(values: Any, schema: Any, where: str, lines: Mapping[str, int], prefix: str = "") -> Any:
    """Values as the schema types them.

    Args:
        values: what a file or `--set` holds: nested dicts, lists, scalars.
        schema: a dataclass, list[...], str | list[str], dict[str, ...], int, float, bool or str.
        where: names the source in messages; lines: the line of each dotted key, where there are lines.
        prefix: the dotted key of `values`.

    Returns:
        the same structure, numbers and truth values converted from text where need be.

    Raises:
        UsageError: an unknown key (the nearest valid one is offered), a value of the wrong type, not finite, an
            interpolation, or a line break in a text.
    """
    if schema is Any:
        return values
    if is_dataclass(schema):
        if not isinstance(values, dict):
            raise _wrong(values, "a section of keys", where, lines, prefix)
        kinds = types_of(schema)
        for key in values:
            if key not in kinds:
                raise unknown_key(
                    f"{prefix}.{key}" if prefix else key, schema, _place(where, lines, prefix, key), prefix
                )
        return {
            key: checked(value, kinds[key], where, lines, f"{prefix}.{key}" if prefix else key)
            for key, value in values.items()
        }
    origin, inner = typing.get_origin(schema), typing.get_args(schema)
    if origin is types.UnionType:  # one text, or several
        return checked(values, inner[isinstance(values, list)], where, lines, prefix)
    if origin is list:
        if not isinstance(values, list):
            raise _wrong(values, "a list, [a, b, ...]", where, lines, prefix)
        return [checked(value, inner[0], where, lines, f"{prefix}[{number}]") for number, value in enumerate(values)]
    if origin is dict:
        if not isinstance(values, dict):
            raise _wrong(values, "a section, {name: value, ...}", where, lines, prefix)
        return {key: checked(value, inner[1], where, lines, f"{prefix}.{key}") for key, value in values.items()}
    found = _leaf(values, schema)
    if found is None:
        raise _wrong(values, _LEAF[schema], where, lines, prefix)
    if isinstance(found, str):
        _plain_text(found, _place(where, lines, prefix), prefix)
    return found


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested dicts in one; lists and scalars of `above` replace those of `below`."""
    joined = dict(below)
    for key, value in above.items():
        old = joined.get(key)
        joined[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return joined


def build(schema: Any, values: Mapping[str, Any]) -> Any:
    """The dataclass of checked, complete values."""
    return schema(**{key: _built(types_of(schema)[key], value) for key, value in values.items()})


def _built(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        return build(kind, value)
    inner = typing.get_args(kind)[0] if typing.get_origin(kind) is list else None
    return [build(inner, one) for one in value] if is_dataclass(inner) else value


def type_at(schema: Any, key: str, where: str) -> Any:
    """The type that a dotted key has in the schema; UsageError with the nearest key where there is none."""
    kind = schema
    words = key.split(".")
    for number, word in enumerate(words):
        if is_dataclass(kind) and word in types_of(kind):
            kind = types_of(kind)[word]
        elif typing.get_origin(kind) is dict and word:
            kind = typing.get_args(kind)[1]
        elif kind is not Any or not word:  # (below Any whoever reads it knows the keys: system.options)
            raise unknown_key(".".join(words[: number + 1]) if word else key, schema, where)
    return kind


def unknown_key(key: str, schema: Any, where: str, prefix: str = "") -> UsageError:
    """What to raise for a key that the schema does not know; the nearest one within `prefix` or anywhere is offered."""
    return unknown_name(key, list(keys(schema, f"{prefix}." if prefix else "")), where)


def unknown_name(key: str, known: list[str], where: str) -> UsageError:
    """What to raise for a key that is none of `known`; the nearest one is offered."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
    return UsageError(f"{where}: unknown key {key!r}; the nearest valid key is {near[0]!r}")


def keys(schema: Any, prefix: str = "") -> Iterator[str]:
    """Every dotted key of a schema."""
    for key, kind in types_of(schema).items():
        yield f"{prefix}{key}"
        if is_dataclass(kind):
            yield from keys(kind, f"{prefix}{key}.")


def types_of(schema: Any) -> dict[str, Any]:
    """The fields of a dataclass and their types."""
    return _types_of(schema)


@functools.lru_cache
def _types_of(schema: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(schema)
    return {field.name: hints[field.name] for field in fields(schema)}


def _leaf(value: Any, kind: Any) -> Any:
    """A scalar as `kind`, or None if it is not one."""
    if isinstance(value, (dict, list)) or value is None:
        return None
    if kind is str:
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind is bool:
        word = str(value).lower()
        return True if word in _TRUE else False if word in _FALSE else None
    if isinstance(value, bool):
        return None
    try:
        # (int() of a float would cut it off.)
        number = kind(value) if kind is float or not isinstance(value, float) else None
    except (ValueError, OverflowError):
        return None
    return number if number is None or kind is int or math.isfinite(number) else None


def _plain_text(text: str, where: str, key: str) -> None:
    if "${" in text:
        raise UsageError(
            f"{where}: {key} holds '${{': nothing is put in for it, so that no file reads the environment",
            "write the value itself",
        )
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # how Python hands over bytes that are no text
        raise UsageError(f"{where.encode(errors='replace').decode()}: {key} is not utf-8", "rename what it names")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise UsageError(f"{where}: {key} holds a line break or another control character: {text[:40]!r}")


def _wrong(value: Any, expected: str, where: str, lines: Mapping[str, int], key: str) -> UsageError:
    found = {type(None): "nothing", dict: "a section", list: "a list"}.get(type(value), repr(value)[:60])
    return UsageError(f"{_place(where, lines, key)}: {key} must be {expected}, found {found}")


def _place(where: str, lines: Mapping[str, int], prefix: str, key: str = "") -> str:
    line = lines.get(f"{prefix}.{key}" if prefix and key else prefix or key, 0)
    line = line or lines.get(prefix.partition("[")[0], 0)
    return f"{where}:{line}" if line else where
