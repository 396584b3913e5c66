"""The tables of a run for a paper: results.tex, a row a system, for `\\input` into a document with booktabs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pseudovox.kinds.attackers import ATTACKERS
from pseudovox.kinds.measurements import figures
from pseudovox.records import ORIGINAL, Record
from pseudovox.report.averages import Standing
from pseudovox.report.headline import headline

_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip
# A figure over its 95 % interval; a document may define the command otherwise before it reads the file.
_INTERVAL = (
    r"\providecommand{\interval}[3]{\begin{tabular}[t]{@{}c@{}}#1\\[-2pt]{\scriptsize[#2, #3]}\end{tabular}}" + "\n"
)
_GROUPS = {"all": "all", "f": "female", "m": "male"}


def escape(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def results_tex(records: Sequence[Record], standings: dict[str, list[Standing]], run: dict[str, Any]) -> str:
    """All tables.

    Args:
        records: of a run.
        standings: by split, see `averages.standings`.
        run: facts for the comment at the head.
    """
    facts = ", ".join(f"{name} {value}" for name, value in run.items())
    parts = [
        f"% {facts}. Written by steps/write_report.py; in the preamble: \\usepackage{{booktabs}}\n" + _INTERVAL,
    ]
    for name in sorted({record.set for record in records if record.set}, key=lambda name: (name != "test", name)):
        own = [record for record in records if record.set == name]
        parts += [privacy(own, name), utility(own, name)]
    parts += [conditions(own, split) for split, own in standings.items() if own]
    return "\n".join(part for part in parts if part)


def privacy(records: Sequence[Record], name: str) -> str:
    """EER of a set, a row a system and a column for each attacker and gender; "" if there is none."""
    found = {(r.system, r.level, r.attacker, r.group): r for r in headline(records) if r.metric == "eer"}
    systems = _systems(records)
    groups = [group for group in _GROUPS if any(group == key[3] for key in found)]
    attackers = [attacker for attacker in ATTACKERS if any(attacker == key[2] for key in found)]
    columns = [(attacker, group) for attacker in attackers for group in groups]
    rows = []
    for system, level in systems:
        cells = []
        for attacker, group in columns:
            place = (ORIGINAL, "") if ATTACKERS[attacker].sides == "OO" else (system, level)
            cells.append(_cell(found.get((*place, attacker, group)), 1))
        rows.append([_name(system, level), *cells])
    if not rows or not columns:
        return ""
    span = len(groups)
    heads = [
        rf"\multicolumn{{{span}}}{{c}}{{{ATTACKERS[attacker].sides} {escape(attacker)}}}" for attacker in attackers
    ]
    rules = " ".join(
        rf"\cmidrule(lr){{{2 + span * number}-{1 + span * (number + 1)}}}" for number in range(len(attackers))
    )
    header = [" & ".join(["", *heads]) + r" \\", rules, " & ".join(["system", *(_GROUPS[g] for _, g in columns)])]
    caption = (
        f"Privacy ({escape(name)}): equal error rate in \\% of each attacker, with 95\\,\\% intervals. Higher is more "
        "private; 50 is guessing."
    )
    return _table(caption, f"privacy-{name}", header, rows, len(columns))


def _utility_columns() -> list[tuple[str, str, int]]:
    """(metric, head, decimals) of what is measured of speech."""
    shown = {name: figure for name, figure in figures().items() if figure.latex or figure.table == "utility"}
    return [("wer", "WER", 1), *((name, one.latex or escape(one.column), one.decimals) for name, one in shown.items())]


def utility(records: Sequence[Record], name: str) -> str:
    """What is left of the speech of a set, a row a system, original speech first; "" if nothing was measured."""
    found = {(r.system, r.level, r.metric, r.group): r for r in records if not r.training}
    columns = []
    for metric, head, digits in _utility_columns():
        groups = [group for group in _GROUPS if any((metric, group) == key[2:] for key in found)]
        # Of all speakers where that is known; some figures are of women and of men alone.
        for group in groups[:1] if "all" in groups else groups:
            columns.append((metric, group, head if group == "all" else f"{head}, {_GROUPS[group]}", digits))
    if not columns:
        return ""
    pairs = dict.fromkeys([(ORIGINAL, ""), *_systems(records)])
    rows = [
        [_name(*pair), *(_cell(found.get((*pair, metric, group)), digits) for metric, group, _, digits in columns)]
        for pair in pairs
    ]
    header = [" & ".join(["system", *(head for _, _, head, _ in columns)])]
    caption = f"Utility ({escape(name)}), with 95\\,\\% intervals. WER and UAR in \\%."
    return _table(caption, f"utility-{name}", header, rows, len(columns))


def conditions(standings: Sequence[Standing], split: str) -> str:
    """The privacy conditions that each system enters."""
    challenges = list(standings[0].entered)
    rows = [
        [
            escape(one.system),
            f"{one.eer:.1f}",
            *(", ".join(map(_condition, one.entered[challenge])) or "--" for challenge in challenges),
            "" if one.wer is None else f"{one.wer:.1f}",
        ]
        for one in standings
    ]
    header = [" & ".join(["system", "mean EER", *map(escape, challenges), "mean WER"])]
    caption = f"Privacy conditions ({escape(split)}) by the mean EER in \\% of the semi-informed attacker."
    return _table(caption, f"conditions-{split}", header, rows, len(challenges) + 2)


def _condition(name: str) -> str:
    return r"$\mathrm{{{}}}_{{{}}}$".format(*name.split("_"))


def _systems(records: Sequence[Record]) -> list[tuple[str, str]]:
    pairs = sorted({(record.system, record.level) for record in records if record.system != ORIGINAL})
    return pairs or [(ORIGINAL, "")]


def _name(system: str, level: str) -> str:
    return escape(system) + (" (utt)" if level == "utt" else "")


def _cell(record: Record | None, digits: int) -> str:
    if record is None or record.value is None:
        return "--"
    value = f"{record.value:.{digits}f}"
    if record.ci_low is None or record.ci_high is None:
        return value.replace("-", "$-$")
    ends = f"{record.ci_low:.{digits}f}", f"{record.ci_high:.{digits}f}"
    return r"\interval{" + "}{".join(number.replace("-", "$-$") for number in (value, *ends)) + "}"


def _table(caption: str, label: str, header: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> str:
    lines = [
        r"\begin{table}", r"  \centering", rf"  \caption{{{caption}}}", rf"  \label{{tab:{label}}}",
        rf"  \begin{{tabular}}{{l{'c' * columns}}}", r"    \toprule",
        *(f"    {line}" for line in header[:-1]), rf"    {header[-1]} \\", r"    \midrule",
        *(rf"    {' & '.join(row)} \\" for row in rows),
        r"    \bottomrule", r"  \end{tabular}", r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
