"""The leak by branch: how well speakers are told apart by one part of a FACodec alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.components.plda import Plda
from pseudovox.core.errors import DataError
from pseudovox.evaluation import trials as scoring

if TYPE_CHECKING:
    from pseudovox.config import Config
    from pseudovox.data.datadir import DataDir


@dataclass(frozen=True)
class Leak:
    """One row of the table.

    Attributes:
        branch: prosody, content, detail or timbre.
        trials: name of the trial data dir.
        group: gender of its speakers, or all.
        eer: in percent; higher = the branch tells less.
        low, high: 95 % interval over speakers; NaN where there are too few.
        n: trials.
    """

    branch: str
    trials: str
    group: str
    eer: float
    low: float
    high: float
    n: int


def leaks(
    branch: str, training: Sequence[DataDir], pairs: Sequence[tuple[DataDir, DataDir]],
    vectors: Mapping[str, Mapping[str, Any]], config: Config, seed: int,
) -> list[Leak]:  # fmt: skip
    """Equal error rates of an attacker who sees one branch: PLDA on statistics of its codes' vectors.

    Args:
        branch: its name.
        training: data dirs of speakers that are not tested, on which LDA and PLDA are trained.
        pairs: of enrolment and trial data dirs.
        vectors: (dimension,) by utterance, by data dir.
        config: section `scoring`: lda_dimension, plda_smoothing, interval_rounds.
        seed: of the intervals' resamples.

    Raises:
        DataError: a speaker of the trials is also one of the training.
    """
    known = {speaker for part in training for speaker in part.speakers}
    tested = {speaker for pair in pairs for part in pair for speaker in part.speakers}
    if both := sorted(known & tested):
        raise DataError(
            f"{len(both)} speakers are both learned from and tested, e.g. {both[0]}",
            "--train with data dirs of other speakers than those of the trials",
        )
    rows = [(part, utterance) for part in training for utterance in part.utterances]
    learned = np.stack([np.asarray(vectors[part.name][utterance]) for part, utterance in rows])
    speakers = [part.utt2spk[utterance] for part, utterance in rows]
    backend, _ = Plda.fit(
        learned, speakers, lda_dimension=config.scoring.lda_dimension, smoothing=config.scoring.plda_smoothing
    )
    found = []
    for enrolment, tests in pairs:
        scores = scoring.score_trials(enrolment, tests, vectors[enrolment.name], vectors[tests.name], backend)
        record = scoring.records(scores, tests, config, attacker="ignorant", system="original", seed=seed)[0]
        rate, low, high = (
            float("nan") if value is None else value for value in (record.value, record.ci_low, record.ci_high)
        )
        found.append(Leak(branch, tests.name, scoring.group_of(tests), rate, low, high, len(scores.values)))
    return found


def table(rows: Sequence[Leak]) -> str:
    """The rows as lines with tabs, with a head."""
    lines = ["branch\ttrials\tgroup\teer\tlow\thigh\tn\n"]
    lines += [
        f"{row.branch}\t{row.trials}\t{row.group}\t{row.eer:.2f}\t{row.low:.2f}\t{row.high:.2f}\t{row.n}\n"
        for row in rows
    ]
    return "".join(lines)
