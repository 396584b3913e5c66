"""A table for people: cells as text, and the table as aligned text for a console or as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pseudovox.records import Record

NOT_RUN = "not run"


@dataclass(frozen=True)
class Table:
    """A table with what a reader must know; cells are text."""

    title: str
    explanation: str
    header: list[str]
    rows: list[list[str]]
    notes: list[str]


def as_text(table: Table) -> str:
    """The table for a console: aligned columns, the explanation above, the notes below."""
    lines = [table.title, "", *_wrapped(table.explanation), ""]
    widths = [max(len(row[column]) for row in [table.header, *table.rows]) for column in range(len(table.header))]
    ruled = ["-" * width for width in widths]
    last = ""
    for number, row in enumerate([table.header, ruled, *table.rows]):
        # A system's name stands in its first row alone.
        shown = ["", *row[1:]] if number > 2 and row[0] == last and len(row) > 1 else row
        last = row[0]
        lines.append("  " + "  ".join(cell.ljust(width) for cell, width in zip(shown, widths, strict=True)).rstrip())
    if table.notes:
        lines.append("")
        for note in table.notes:
            lines += _wrapped(note, "  - ", "    ")
    return "\n".join(lines) + "\n"


def as_markdown(table: Table) -> str:
    """The table as a section of a Markdown file."""

    def row_of(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    lines = [f"## {table.title}", "", table.explanation, "", row_of(table.header), "|" + "---|" * len(table.header)]
    lines += [row_of(row) for row in table.rows]
    if table.notes:
        lines += ["", *(f"- {note}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def group_name(group: str) -> str:
    """What a group of speakers is called in a table."""
    return {"f": "female", "m": "male"}.get(group, group)


def system_name(system: str, level: str) -> str:
    """What a system is called in a table, with the level of anonymization where it is not the usual one."""
    levels: dict[str, str] = {"utt": " (by utterance)"}
    return system + levels.get(level, "")


def cell(record: Record | None, decimals: int = 1) -> str:
    """A figure with its interval; "not run" where there is none, "undefined" where it has no value."""
    if record is None:
        return NOT_RUN
    if record.value is None:
        return "undefined"
    value = f"{record.value:.{decimals}f}"
    if record.ci_low is None or record.ci_high is None:
        return value
    return f"{value} [{record.ci_low:.{decimals}f}, {record.ci_high:.{decimals}f}]"


def _wrapped(text: str, first: str = "", rest: str = "") -> list[str]:
    import textwrap

    return textwrap.wrap(text, width=110, initial_indent=first, subsequent_indent=rest)
