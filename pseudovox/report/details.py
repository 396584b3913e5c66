"""The tables for who wants to know more: further privacy metrics, parts of the trials, voices.

They stand in RESULTS.md, below those of pseudovox.report.tables, and not on the console.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pseudovox.kinds.attackers import ATTACKERS
from pseudovox.kinds.measurements import figures
from pseudovox.metrics.privacy import METRICS
from pseudovox.records import ORIGINAL, Record
from pseudovox.report import formatting
from pseudovox.report.formatting import Table
from pseudovox.report.headline import headline

# metric: (column, decimals)
_PRIVACY = {name: (metric.title, metric.decimals) for name, metric in METRICS.items() if metric.title}

MOST_PARTS = 16  # values of one table that are shown; targets are as many as training speakers


def detail_tables(records: Sequence[Record], name: str) -> list[Table]:
    """Those of the three that there are figures for; `records` are those of the set `name`."""
    made = (further_privacy_table(records, name), parts_table(records, name), voices_table(records, name))
    return [table for table in made if table.rows or (table is made[1] and table.notes)]


def further_privacy_table(records: Sequence[Record], name: str) -> Table:
    """Privacy metrics besides the EER, of original speech and of each system's strongest attackers."""
    own = [record for record in headline(records) if record.metric in _PRIVACY and record.attacker in ATTACKERS]
    shown = {metric: column for metric, column in _PRIVACY.items() if any(record.metric == metric for record in own)}
    found = {(r.system, r.level, r.group, r.attacker, r.metric): r for r in own}
    rows = []
    for system, level, group, attacker in _places(own):
        cells = []
        for metric, (_, decimals) in shown.items():
            record = found.get((system, level, group, attacker, metric))
            tag = f" {record.details['tag']}" if record is not None and "tag" in record.details else ""
            cells.append(formatting.cell(record, decimals) + tag)
        rows.append([formatting.system_name(system, level), formatting.group_name(group), attacker, *cells])
    return Table(
        f"Further privacy metrics ({name})",
        "Of original speech, and of the strongest attackers of each system. More privacy: higher ROCCH-EER and (min) "
        "Cllr (bit; min Cllr 1 = the scores tell nothing), lower linkability (0 to 1) and ZEBRA (population: bit, "
        "0 to 0.72; individual: decades, and their category from 0 and A to F). docs/metrics.md defines them.",
        ["system", "speakers", "attacker", *(column for column, _ in shown.values())],
        rows,
        [] if "cllr" in shown else ["Cllr judges log-likelihood ratios; cosines are none (scoring.backend: plda)."],
    )


def parts_table(records: Sequence[Record], name: str) -> Table:
    """EER of parts of the trial lists (metric eer_part), a column for each attacker."""
    own = [record for record in headline(records) if record.metric == "eer_part"]
    found = {(r.system, r.level, r.group, r.attacker): r for r in own}
    attackers = [attacker for attacker in ATTACKERS if any(record.attacker == attacker for record in own)]
    places = sorted({(r.group, r.system, r.level) for r in own if r.system != ORIGINAL}) or sorted(
        {(r.group, r.system, r.level) for r in own}
    )
    values = Counter(table for table, _ in {_table_and_value(group) for group, _, _ in places})
    rows = []
    for group, system, level in places:
        if values[_table_and_value(group)[0]] > MOST_PARTS:
            continue
        cells = [
            formatting.cell(found.get((ORIGINAL, "", group, who) if who == "original" else (system, level, group, who)))
            for who in attackers
        ]
        whole, _, part = group.partition("/")
        rows.append([part, formatting.group_name(whole), formatting.system_name(system, level), *cells])
    return Table(
        f"Parts of the trials ({name})",
        "Equal error rate (EER) in % of the trials of one value of a table: for spk2..., trials whose speakers both "
        "have it; for utt2..., trials whose test utterance has it. breakdowns.tsv beside each results.json has single "
        "speakers, too.",
        ["part", "speakers", "system", *(f"{ATTACKERS[attacker].sides} {attacker}" for attacker in attackers)],
        rows,
        [
            f"{table}: {count} values, too many for a table; they are in breakdowns.tsv."
            for table, count in sorted(values.items())
            if count > MOST_PARTS
        ],
    )


def _table_and_value(group: str) -> tuple[str, str]:
    """("utt2emo", "ang") of the group f/utt2emo=ang."""
    table, _, value = group.partition("/")[2].partition("=")
    return table, value


def voices_table(records: Sequence[Record], name: str) -> Table:
    """Gain of voice distinctiveness and de-identification by system."""
    shown = {name: figure for name, figure in figures().items() if figure.table == "voices"}
    own = [record for record in records if record.metric in shown]
    found = {(r.system, r.level, r.group, r.metric): r for r in own}
    rows = [
        [
            formatting.system_name(system, level),
            formatting.group_name(group),
            *(
                formatting.cell(found.get((system, level, group, metric)), figure.decimals)
                for metric, figure in shown.items()
            ),
        ]
        for system, level, group in sorted({(r.system, r.level, r.group) for r in own})
    ]
    return Table(
        f"Voices ({name}): do they still differ?",
        "G_VD, gain of voice distinctiveness: 0 = voices differ from each other as much as the original ones, below = "
        "less. DeID, de-identification: 1 = nothing links a voice to its original, 0 = as much as before. By a PLDA "
        "of original speech, as in the VoicePrivacy Challenge 2022.",
        ["system", "speakers", *(figure.column for figure in shown.values())],
        rows,
        [],
    )


def _places(records: Sequence[Record]) -> list[tuple[str, str, str, str]]:
    """(system, level, group, attacker): original speech first, then each system with its strongest attackers."""
    rank = list(ATTACKERS)
    there = {(r.system, r.level, r.group, r.attacker) for r in records}
    strongest = {"semi-informed", "informed"}
    places = set()
    for system, level, group, attacker in there:
        others = {who for *where, who in there if where == [system, level, group]}
        best = others & strongest or {max(others, key=rank.index)}
        if attacker in best:
            places.add((system, level, group, attacker))
    order = {"all": 0, "f": 1, "m": 2}
    return sorted(places, key=lambda p: (p[0] != ORIGINAL, p[0], p[1], order.get(p[2], 3), rank.index(p[3])))
