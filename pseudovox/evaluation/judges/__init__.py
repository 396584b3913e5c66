"""Independent judges: models that were not trained here. Most have their weights in their packages' wheels; those of
torchaudio and NISQA are fetched by the user (pseudovox.models.pretrained); Whisper's are fetched by its package where
there is a network.

A judge is a module of this package with a class `Judge`, made once in a worker process:

    Judge()(samples) -> float32 (n,)      of one utterance, float32 (samples,), 16 kHz mono in [-1, 1]

It gives the same numbers whatever it heard before, never NaN, and something for silence, too. What the numbers mean
stands in its module; pseudovox.evaluation.judgements makes figures of them. All judges work on the CPU, in one thread,
but Whisper, which takes a GPU where there is one.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pseudovox.config import check_name
from pseudovox.core.errors import UsageError
from pseudovox.data.datadir import DataDir, write_json
from pseudovox.data.utterance import read_audio
from pseudovox.evaluation.judges import whisper
from pseudovox.models import pretrained

if TYPE_CHECKING:
    import numpy as np

    from pseudovox.config import Judges
    from pseudovox.stage import Utterance

HINT = "utils/install.sh judges"
INSTALLED = "judges.json"  # the version of each judge that figures were made with; null = it was not installed


@dataclass(frozen=True)
class Kind:
    """What is known of a judge before it is imported.

    Attributes:
        distribution: the package whose version the results name.
        modules: what must be importable. Not every package declares all that it needs.
        enrolment: it judges enrolment utterances too.
        weights: of which model (pretrained.cache_file) it needs the weights; "" = none.
        reference: it compares with the recording `judges.reference`, which Judge takes.
        gpu: it works on --device, not always on the CPU.
        slow: it takes a third of the speech's duration or more, so `judges.utterances` may give it a part of a set.
    """

    distribution: str
    modules: tuple[str, ...]
    enrolment: bool = False
    slow: bool = True
    weights: str = ""
    reference: bool = False
    gpu: bool = False


JUDGES = {
    "resemblyzer": Kind("resemblyzer", ("resemblyzer", "librosa", "webrtcvad"), enrolment=True, slow=False),
    "pocketsphinx": Kind("pocketsphinx", ("pocketsphinx",)),
    "whisper": Kind("faster-whisper", ("faster_whisper", "whisper_normalizer"), gpu=True),
    "dnsmos": Kind("speechmos", ("speechmos", "onnxruntime", "librosa", "requests")),
    "distillmos": Kind("distillmos", ("distillmos", "xls_r_sqa")),
    "nisqa": Kind("torchmetrics", ("torchmetrics", "librosa", "requests"), slow=False, weights="NISQA"),
    "squim_objective": Kind("torchaudio", ("torchaudio",), weights="SQUIM_OBJECTIVE"),
    "squim_subjective": Kind("torchaudio", ("torchaudio",), weights="SQUIM_SUBJECTIVE", reference=True),
}


class Judge(Protocol):
    """See the head of this module."""

    def __call__(self, samples: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Asked:
    """A judge that a configuration asks for.

    Attributes:
        name: of JUDGES; or "whisper-<model>", as whisper.label calls the model. Folders and messages have it.
        reference: the recording that some compare with (`judges.reference`).
        model, language: of Whisper.
    """

    name: str
    reference: str = ""
    model: str = ""
    language: str = "en"

    @property
    def family(self) -> str:
        """The name in JUDGES, which is that of its module."""
        return self.name.partition("-")[0]

    @property
    def kind(self) -> Kind:
        return JUDGES[self.family]


def asked(section: Judges) -> list[Asked]:
    """The judges that the section `judges` asks for.

    Raises:
        UsageError: two models of Whisper would have one name, or one has a name that cannot be a folder's.
    """
    found = [Asked(name, section.reference) for name in JUDGES if name != "whisper" and getattr(section, name)]
    models = [section.whisper] if isinstance(section.whisper, str) else section.whisper
    named: dict[str, str] = {}
    for model in filter(None, models):
        label = whisper.label(model)
        check_name(label, "judges.whisper")
        if label in named:
            raise UsageError(
                f"judges.whisper: {named[label]} and {model} would both be called {label}",
                "rename one of the folders, or judge in two runs",
            )
        named[label] = model
    place = next((number for number, judge in enumerate(found) if judge.name == "dnsmos"), len(found))
    found[place:place] = [Asked(f"whisper-{label}", "", model, section.language) for label, model in named.items()]
    return found


def settings(judge: Asked) -> dict[str, str]:
    """What decides what a judge says of an utterance, besides `judges.reference`."""
    return {
        "judge": judge.name,
        "version": version(judge),
        **({"language": judge.language} if judge.model else {}),
    }


def fetch(judge: Asked) -> None:
    """Have the weights of a judge fetched whose package does so (Whisper), if the package is there and they are not."""
    from importlib.util import find_spec

    if judge.model and all(find_spec(module) for module in judge.kind.modules):
        whisper.fetch(judge.model)


def missing(judge: Asked) -> list[str]:
    """What a judge needs and is not there: modules, weights, the recording to compare with."""
    from importlib.util import find_spec

    kind = judge.kind
    absent = [module for module in kind.modules if find_spec(module) is None]
    if kind.weights and not pretrained.cache_file(kind.weights).is_file():
        absent.append(f"weights of {kind.weights}")
    if kind.reference and not judge.reference:
        absent.append("recording to compare with")
    if judge.model and not absent and whisper.folder(judge.model) is None:
        absent.append(f"weights of Whisper's {judge.model}")
    return absent


def hint(judge: Asked) -> str:
    """What brings a judge that is missing."""
    from importlib.util import find_spec

    kind = judge.kind
    if judge.model and all(find_spec(module) for module in kind.modules):
        return whisper.fetch_command(judge.model)
    if not kind.weights:
        return HINT
    hints = [] if all(find_spec(module) for module in kind.modules) else [HINT]
    hints += [] if pretrained.cache_file(kind.weights).is_file() else [pretrained.fetch_command(kind.weights)]
    return "; ".join([*hints, *(["--set judges.reference=FILE"] if kind.reference and not judge.reference else [])])


def version(judge: Asked) -> str:
    """Package and version of an installed judge, e.g. "speechmos 0.0.1.1"; of Whisper's, the model, too."""
    packages = [judge.kind.distribution]
    if not judge.model:
        return _package(packages[0])
    model = whisper.facts(judge.model)
    of = f"{model['name']}, model.bin {model['sha256'][:16]} ({model['bytes']} bytes)"
    return f"Whisper {of} by {', '.join(map(_package, [*packages, 'ctranslate2', 'whisper-normalizer']))}"


def _package(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return f"{distribution} {installed(distribution)}"
    except PackageNotFoundError:  # a folder on PYTHONPATH
        return f"{distribution} of unknown version"


def installed(asked: Sequence[Asked]) -> dict[str, str | None]:
    """Version by the judge's name; None where it is not installed."""
    return {judge.name: None if missing(judge) else version(judge) for judge in asked}


def write_installed(folder: Path, versions: Mapping[str, str | None]) -> None:
    """Note beside figures which judges they were made with."""
    write_json(folder / INSTALLED, dict(versions))


def is_current(folder: Path, now: Mapping[str, str | None]) -> bool:
    """Were these figures made with every judge that is installed now, in its version?"""
    try:
        made_with = json.loads((folder / INSTALLED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return all(version is None or made_with.get(name) == version for name, version in now.items())


def heard(data: DataDir, judge: Asked, limit: int) -> DataDir | None:
    """What of a data dir a judge hears: all, a part, or nothing.

    Args:
        judge: enrolment utterances (a dir with `enrolls`) are heard by those alone that need them.
        limit: utterances for a slow judge, taken from all speakers in turn; 0 = all.
    """
    kind = judge.kind
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
        judge: which.
        device: that Whisper works on.
    """

    def __init__(self, judge: Asked, *, device: str = "cpu") -> None:
        arguments = [judge.model, judge.language, device] if judge.model else []
        if judge.kind.reference:
            arguments = [judge.reference]
        self.judge: Judge = importlib.import_module(f"pseudovox.evaluation.judges.{judge.family}").Judge(*arguments)

    read = staticmethod(read_audio)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            yield utterance, {"judgement": self.judge(utterance.given(self.read))}
