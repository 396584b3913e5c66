"""Averages of what was measured of each utterance, over all and by attribute: gender, emotion, target, or any table.

Averages are over utterances: one is in the part of the target whose voice it was given, whoever spoke it, and one of a
speaker who has ten others counts as much as any. (In SpAnE, whose file names and columns these are, a target is taken
for an attribute of the speaker, so that its average is over all utterances of everybody who was ever given that voice.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox.corpora.spane import key_of
from pseudovox.data.datadir import write_atomic
from pseudovox.evaluation.breakdowns import USUAL

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir

ALL = "all"
Measured = Mapping[str, Mapping[str, tuple[float, float]]]  # metric: utterance: (sum, its weight)


@dataclass(frozen=True)
class Average:
    """What the utterances of a data set with one value of an attribute come to.

    Attributes:
        dataset: name of the data dir before anonymization.
        by: the table, or ALL.
        value: in the table; "" of ALL.
        utterances: how many.
        figures: by metric, sum / weight over the utterances; NaN where nothing weighs.
    """

    dataset: str
    by: str
    value: str
    utterances: int
    figures: dict[str, float]


def averages(data: Iterable[DataDir], measured: Measured, by: Sequence[str] = ()) -> list[Average]:
    """Of every data dir, first of all utterances, then by table and sorted by value.

    Args:
        data: data dirs, original or anonymized, with the tables.
        measured: a mean opinion score is (score, 1), a word error rate in percent (100 errors, words); the same
            utterances for all metrics.
        by: further tables than breakdowns.USUAL, where a data dir has them.
    """
    found = []
    for part in data:
        own = [utterance for utterance in part.utterances if all(utterance in values for values in measured.values())]
        if not own:
            continue
        name = part.origin.source
        found.append(Average(name, ALL, "", len(own), _figures(own, measured)))
        for table in dict.fromkeys([*USUAL, *by]):
            if table not in part.tables:
                continue
            members: dict[str, list[str]] = {}
            for utterance in own:
                key = part.utt2spk[utterance] if table.startswith("spk2") else utterance
                if key in part.tables[table]:
                    members.setdefault(part.tables[table][key], []).append(utterance)
            found += [
                Average(name, table, value, len(chosen), _figures(chosen, measured))
                for value, chosen in sorted(members.items())
            ]
    return found


def _figures(utterances: Sequence[str], measured: Measured) -> dict[str, float]:
    found = {}
    for metric, values in measured.items():
        total, weight = (sum(column) for column in zip(*(values[one] for one in utterances), strict=True))
        found[metric] = total / weight if weight else float("nan")
    return found


def write(folder: Path, found: Sequence[Average]) -> None:
    """Write all.txt and a file for each attribute, gender.txt, target.txt ..., in SpAnE's columns, divided by tabs.

    dataset, the attribute's value (not in all.txt), n_samples, and a column for each metric (4 decimals).
    """
    for by in dict.fromkeys(one.by for one in found):
        own = [one for one in found if one.by == by]
        key = ALL if by == ALL else key_of(by)
        metrics = list(own[0].figures)
        lines = [["dataset", *([] if by == ALL else [key]), "n_samples", *metrics]]
        for one in own:
            value = [] if by == ALL else [one.value]
            lines.append([one.dataset, *value, str(one.utterances), *(f"{one.figures[name]:.4f}" for name in metrics)])
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / f"{key}.txt", "".join("\t".join(line) + "\n" for line in lines))
