"""Yaml as plain values, strictly: what a configuration file may hold, and on which line each key stands.

PyYAML's safe loader runs no code, but takes the last of two equal keys, follows aliases (a file of ten lines can
stand for gigabytes) and says little of where a wrong value came from. Here these are errors that name the line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pseudovox.core.errors import UsageError, recode

LARGEST_BYTES = 2**20  # of a file; the longest configuration has some ten kB
_YAML = "tag:yaml.org,2002:"
_HINT = "the keys and their form are in conf/default.yaml"


def read(path: Path | str) -> tuple[dict[str, Any], dict[str, int]]:
    """A configuration file.

    Returns:
        (values: nested dicts, lists and scalars; lines: the line of every dotted key, from 1)

    Raises:
        UsageError: no such file, not utf-8, too large, not a mapping, or whatever `parse` refuses.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise UsageError(f"{path}: no such configuration file")
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise UsageError(f"{path}: {size} bytes, no configuration file is that large", _HINT)
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}:{line}: not utf-8 (byte 0x{data[error.start]:02x})", recode(path)) from None
    values, lines = parse(text, str(path))
    if values is None:
        return {}, {}
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected `key: value` lines, found a {_kind(values)}", _HINT)
    return values, lines


def parse(text: str, where: str) -> tuple[Any, dict[str, int]]:
    """The value of a yaml text; `where` names it in messages.

    Returns:
        (value, the line of every dotted key)

    Raises:
        UsageError: not yaml, a tag, an anchor, a key that is no word or comes twice, nested too deeply.
    """
    loader: yaml.SafeLoader | None = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        lines: dict[str, int] = {}
        if node is None:
            return None, lines
        _check(node, where, "", lines)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or error.context or "cannot be parsed"
        if "\\t" in reason:  # (as its repr)
            reason = "a tab where yaml allows spaces alone"
        here = _at(where, mark.line + 1) if mark else where
        raise UsageError(f"{here}: not a configuration: {reason}", _HINT) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # e.g. a control character, the 99th of February
        raise UsageError(f"{where}: not a configuration: {' '.join(str(error).split())}", _HINT) from None
    except RecursionError:
        raise UsageError(f"{where}: not a configuration: nested too deeply", _HINT) from None
    finally:
        if loader:
            loader.dispose()


def _check(node: yaml.Node, where: str, prefix: str, lines: dict[str, int], seen: set[int] | None = None) -> None:
    seen = set() if seen is None else seen
    here = _at(where, node.start_mark.line + 1)
    if id(node) in seen:
        # An alias: the composer hands out the same node again, or a node within itself.
        raise UsageError(f"{where}: an anchor and its alias (&x, *x) stand for a value again", "write it out twice")
    seen.add(id(node))
    tag = node.tag.removeprefix(_YAML)
    if tag == "timestamp" or (tag == "bool" and node.value.lower() not in ("true", "false")):
        node.tag = f"{_YAML}str"  # a data dir may be called 2020-01-01, or no
    elif tag not in ("null", "bool", "int", "float", "str", "seq", "map"):
        raise UsageError(f"{here}: tag {tag!r}: a configuration holds plain values alone, and runs no code", _HINT)
    if isinstance(node, yaml.MappingNode):
        names: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            here = _at(where, line)
            if not isinstance(key, yaml.ScalarNode) or key.tag == f"{_YAML}merge":
                raise UsageError(f"{here}: a key must be a word, found {str(key.value)[:40]!r}")
            if key.value in names:
                raise UsageError(f"{here}: key {prefix + key.value!r} stands twice, first on line {names[key.value]}")
            names[key.value] = lines[prefix + key.value] = line
            key.tag = f"{_YAML}str"
            _check(value, where, f"{prefix}{key.value}.", lines, seen)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _check(value, where, prefix, lines, seen)


def _at(where: str, line: int) -> str:
    return where if where.startswith("--set") else f"{where}:{line}"


def _kind(value: Any) -> str:
    return "list" if isinstance(value, list) else f"single value, {str(value)[:40]!r}"
