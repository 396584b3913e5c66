"""Independent judges: models that nobody trained here. Most have their weights inside their packages' own wheels; those
of torchaudio must be in its cache (pseudovox.pretrained), and nothing is downloaded.

A judge is a module of this package with a class `Judge`, made once in a worker process:

    Judge()(samples) -> float32 (n,)      of one utterance, float32 (samples,), 16 kHz mono in [-1, 1]

It gives the same numbers whatever it heard before, never NaN, and something for silence, too. What the numbers mean
stands in its module; pseudovox.scoring.judgements makes figures of them. All judges work on the CPU, in one thread.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pseudovox import pretrained
from pseudovox.datadir import DataDir, write_atomic

if TYPE_CHECKING:
    import numpy as np

    from pseudovox.stage import Utterance

MEND = "utils/install.sh judges"
INSTALLED = "judges.json"  # the version of each judge that figures were made with; null = it was not installed


@dataclass(frozen=True)
class Kind:
    """What is known of a judge before it is imported.

    Attributes:
        distribution: the package whose version the results name.
        modules: what must be importable. Not every package declares all that it needs.
        enrolment: it judges enrolment utterances too.
        weights: of which bundle of torchaudio's it needs the weights; "" = none.
        reference: it compares with the recording `judges.reference`, which Judge takes.
        slow: it takes a third of the speech's duration or more, so `judges.utterances` may give it a part of a set.
    """

    distribution: str
    modules: tuple[str, ...]
    enrolment: bool = False
    slow: bool = True
    weights: str = ""
    reference: bool = False


JUDGES = {
    "resemblyzer": Kind("resemblyzer", ("resemblyzer", "librosa", "webrtcvad"), enrolment=True, slow=False),
    "pocketsphinx": Kind("pocketsphinx", ("pocketsphinx",)),
    "dnsmos": Kind("speechmos", ("speechmos", "onnxruntime", "librosa", "requests")),
    "squim_objective": Kind("torchaudio", ("torchaudio",), weights="SQUIM_OBJECTIVE"),
    "squim_subjective": Kind("torchaudio", ("torchaudio",), weights="SQUIM_SUBJECTIVE", reference=True),
}


class Judge(Protocol):
    """See the head of this module."""

    def __call__(self, samples: np.ndarray) -> np.ndarray: ...


def missing(name: str, reference: str = "") -> list[str]:
    """What the judge needs and is not there: modules, weights, the reference (`judges.reference`); imports nothing."""
    from importlib.util import find_spec

    kind = JUDGES[name]
    absent = [module for module in kind.modules if find_spec(module) is None]
    if kind.weights and not pretrained.cache_file(kind.weights).is_file():
        absent.append(f"weights of {kind.weights}")
    if kind.reference and not reference:
        absent.append("recording to compare with")
    return absent


def mend(name: str, reference: str = "") -> str:
    """What brings a judge that is missing."""
    kind = JUDGES[name]
    if not kind.weights:
        return MEND
    mends = [] if pretrained.cache_file(kind.weights).is_file() else [pretrained.fetch_command(kind.weights)]
    return "; ".join([*mends, *(["judges.reference=FILE"] if kind.reference and not reference else [])])


def version(name: str) -> str:
    """Package and version of an installed judge, e.g. "speechmos 0.0.1.1"."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    distribution = JUDGES[name].distribution
    try:
        return f"{distribution} {installed(distribution)}"
    except PackageNotFoundError:  # a folder on PYTHONPATH
        return f"{distribution} of unknown version"


def installed(names: Sequence[str], reference: str = "") -> dict[str, str | None]:
    """Version by judge; None where it is not installed."""
    return {name: None if missing(name, reference) else version(name) for name in names}


def write_installed(folder: Path, versions: Mapping[str, str | None]) -> None:
    """Note beside figures which judges they were made with."""
    write_atomic(folder / INSTALLED, json.dumps(dict(versions), indent=1) + "\n")


def is_current(folder: Path, now: Mapping[str, str | None]) -> bool:
    """Were these figures made with every judge that is installed now, in its version?"""
    try:
        made_with = json.loads((folder / INSTALLED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return all(version is None or made_with.get(name) == version for name, version in now.items())


def heard(data: DataDir, name: str, limit: int) -> DataDir | None:
    """What of a data dir a judge hears: all, a part, or nothing.

    Args:
        name: of the judge. Enrolment utterances (a dir with `enrolls`) are heard by those alone that need them.
        limit: utterances for a slow judge, taken from all speakers in turn; 0 = all.
    """
    kind = JUDGES[name]
    if "enrolls" in data.lists and not kind.enrolment:
        return None
    if not (kind.slow and limit and limit < len(data.utterances)):
        return data
    turns = sorted(
        (turn, utterance) for utterances in data.spk2utt.values() for turn, utterance in enumerate(utterances)
    )
    return data.subset([utterance for _, utterance in turns[:limit]])


class JudgeWorker:
    """Lets a judge hear utterances; gives {"judgement": (n,)} for each.

    Args:
        name: of JUDGES.
        reference: recording that some compare with.
    """

    def __init__(self, name: str, reference: str = "", *, device: str = "cpu") -> None:
        arguments = [reference] if JUDGES[name].reference else []
        self.judge: Judge = importlib.import_module(f"pseudovox.judges.{name}").Judge(*arguments)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            yield utterance, {"judgement": self.judge(utterance.audio())}
