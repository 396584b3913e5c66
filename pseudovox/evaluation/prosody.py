"""Pitch correlation of data dirs: F0 of original and anonymized utterances in a worker, sets as records."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.components import f0
from pseudovox.config import F0
from pseudovox.core import blocks
from pseudovox.data.archive import read_scp
from pseudovox.data.audio import load
from pseudovox.evaluation.intelligibility import by_set, level_of
from pseudovox.metrics import pitch
from pseudovox.records import Record

if TYPE_CHECKING:
    from pseudovox.config import Config, Pitch
    from pseudovox.data.datadir import DataDir
    from pseudovox.stage import Utterance

log = logging.getLogger("pseudovox")
METRICS = ("pitch_correlation_voiced", "pitch_correlation_vpc2022")  # in the order of the arrays' values
_UNDEFINED = -2.0  # stands for NaN in archives, which may not hold one


class PitchWorker:
    """Correlates pitch; gives {"pitch": (2,)} in the order of METRICS, -2 where undefined.

    Args:
        made: the anonymized data dir by the path of the original (stage.load_made).
        options: section `pitch`.
    """

    def __init__(self, made: Mapping[Path, DataDir], options: Pitch, *, device: str = "cpu") -> None:
        self.made = made
        self.options = F0(method=options.method, floor=options.floor, ceiling=options.ceiling)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            with blocks.part(0, 2):
                original = f0.extract(utterance.audio(), self.options)
            with blocks.part(1, 2):
                contours = original, f0.extract(load(self.made[utterance.data.path], utterance.id), self.options)
            values = pitch.correlation_voiced(*contours), pitch.correlation_vpc2022(*contours)
            yield utterance, {"pitch": np.nan_to_num(np.array(values, np.float32), nan=_UNDEFINED)}


def summarise_sets(data: Sequence[DataDir], folder: Path, system: str, config: Config) -> list[Record]:
    """Mean correlations of every set, in all and by gender; `folder` holds what the worker wrote."""
    records = []
    for name, parts in by_set(data):
        values: dict[str, list[np.ndarray]] = {"all": [], "f": [], "m": []}
        for part in parts:
            genders = part.tables.get("spk2gender", {})
            for utterance, pair in read_scp(folder / part.name / "pitch.scp", dimension=2).items():
                for group in ("all", genders.get(part.utt2spk[utterance], "")):
                    values.setdefault(group, []).append(pair)
        for group in ("all", "f", "m"):
            for column, metric in enumerate(METRICS):
                if not values[group]:
                    continue
                own = np.array(values[group], np.float64)[:, column]
                found = pitch.summarise(np.where(own < -1.5, np.nan, own))
                records.append(_record(metric, name, group, level_of(parts, config), system, found))
                if group == "all":
                    log.info("%s %s: %s %.3f (mean of %d)", system, name, metric, found.mean, found.defined)
    return records


def _record(metric: str, name: str, group: str, level: str, system: str, found: pitch.Summary) -> Record:
    # Normal approximation: utterances are many, and correlations of one speaker vary as much as those of several.
    half = 1.96 * found.deviation / max(1, found.defined) ** 0.5
    defined = found.defined > 0
    return Record(
        metric=metric,
        value=found.mean if defined else None,
        system=system,
        set=name,
        group=group,
        level=level,
        ci_low=found.mean - half if found.defined > 1 else None,
        ci_high=found.mean + half if found.defined > 1 else None,
        n=found.defined,
        n_of="utterances",
        details={
            "median": found.median if defined else None,
            "deviation": found.deviation if defined else None,
            "undefined": found.utterances - found.defined,
        },
    )
