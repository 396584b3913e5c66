"""A finished run in the folders and files of SpAnE's experiments, for those who have tools for these.

    exp_config.yaml                                             the resolved configuration
    eval/asv-<back end>/<scenario>/results/eer.txt              dataset n_pairs threshold eer
    eval/asv-<back end>/<scenario>/results/eer_<attribute>.txt  dataset <attribute> n_pairs threshold eer
    eval/asv-<back end>/<scenario>/train/spkid/train_log.txt    of the evaluation ASV
    eval/<judge>/all.txt, <attribute>.txt                       dataset [<attribute>] n_samples <metrics>
    eval/<judge>/<data dir>.txt                                 of transcribers: path n_edits n_words_ref wer text
    eval/performance/{cpu,cuda}_inference.txt, *_specs.txt      input_duration inference_median lowest highest, seconds

Columns are divided by tabs; EER and WER are shares there, percent here. A pair of trials belongs to a speaker's
attribute if both its speakers have it, looked up by their names; to one of the test utterance (its target) alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pseudovox.config import Config
from pseudovox.core.errors import DataError
from pseudovox.corpora.spane import key_of
from pseudovox.data.datadir import DataDir, write_atomic
from pseudovox.evaluation import judgements, judges
from pseudovox.evaluation.attributes import ALL, averages
from pseudovox.evaluation.attributes import write as write_averages
from pseudovox.evaluation.breakdowns import SPEAKER, USUAL, divide
from pseudovox.evaluation.score_files import read_scored_trials
from pseudovox.metrics.eer import equal_error
from pseudovox.records import ORIGINAL

SCENARIOS = ("ignorant", "lazy-informed", "semi-informed")
BACKENDS = {"cosine": "cos", "cosine_centred": "cos", "plda": "plda"}


@dataclass(frozen=True)
class Run:
    """What is laid out.

    Attributes:
        exp: the folder of models and results.
        data: that of the data dirs.
        system: a system of the run, or ORIGINAL.
        config: of the system.
    """

    exp: Path
    data: Path
    system: str
    config: Config

    def dir_of(self, name: str) -> DataDir:
        """An original data dir, or what the system made of it."""
        return DataDir.load(self.data / (name if self.system == ORIGINAL else f"{name}_{self.system}"))

    def scored(self) -> Iterator[tuple[str, str, Path]]:
        """(scenario, how the attacker was trained, folder of the scores) of every attack that was run."""
        root = self.exp / self.system / "asv"
        for scenario in SCENARIOS if self.system != ORIGINAL else (ORIGINAL,):
            for folder in sorted(root.glob(f"{scenario}*")):
                way = folder.name.removeprefix(scenario).lstrip("-")
                if (folder / "results.json").is_file() and folder.name in (scenario, f"{scenario}-{way}"):
                    yield scenario, way, folder


def lay_out(run: Run, out: Path) -> list[str]:
    """Write what the run has; the files, relative to `out`.

    Raises:
        DataError: the run has nothing of the system, or a file of it is not what it should be.
    """
    folder = out / "eval"
    for scenario, way, scores in run.scored():
        name = f"{scenario}-{way}" if way and way != "scratch" else scenario
        place = folder / f"asv-{BACKENDS[run.config.scoring.backend]}" / name
        _write_rates(place / "results", run, scenario, scores)
        model = run.exp / "attacker" / (f"{run.system}/{way}" if way else ORIGINAL)
        if (model / "train_log.txt").is_file():
            (place / "train/spkid").mkdir(parents=True)
            shutil.copyfile(model / "train_log.txt", place / "train/spkid/train_log.txt")
    _lay_out_judgements(run, folder)
    _lay_out_speed(run, folder / "performance")
    if not folder.is_dir():
        raise DataError(
            f"{run.exp}: nothing was measured of {run.system} there",
            f"./run.sh --recipe RECIPE --system {run.system} --exp-dir {run.exp}",
        )
    for path in (run.exp / run.system / "config.yaml", run.exp / "config.yaml"):
        if path.is_file():
            shutil.copyfile(path, out / "exp_config.yaml")
            break
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


# ---------------------------------------------------------------------- verification
def _write_rates(place: Path, run: Run, scenario: str, scores: Path) -> None:
    """eer.txt and eer_<attribute>.txt of all trial lists of an attack."""
    tables: dict[str, list[list[str]]] = {}
    originals = replace(run, system=ORIGINAL)
    for pair in run.config.sets.trials:
        enrolled, tried = pair.split()
        trials = run.dir_of(tried)
        enrolment = (originals if scenario in (ORIGINAL, "ignorant") else run).dir_of(enrolled)
        file = scores / f"{enrolment.name}-{trials.name}" / "scores"
        whole = read_scored_trials(file, trials.path / "trials", trials.utt2spk)
        tables.setdefault("eer", []).append([trials.origin.source, *_rate(whole.scores, whole.target)])
        for part in divide(enrolment, trials, run.config.scoring.by):
            if part.by == SPEAKER:
                continue
            row = [trials.origin.source, part.value, *_rate(whole.scores[part.inside], whole.target[part.inside])]
            tables.setdefault(f"eer_{key_of(part.by)}", []).append(row)
    place.mkdir(parents=True)
    for name, rows in tables.items():
        attribute = [name.removeprefix("eer_")] if name != "eer" else []
        _write(place / f"{name}.txt", [["dataset", *attribute, "n_pairs", "threshold", "eer"], *rows])


def _rate(scores: Any, target: Any) -> list[str]:
    if not target.any() or target.all():
        return [str(len(target)), "nan", "nan"]
    found = equal_error(scores[target], scores[~target])
    return [str(len(target)), f"{found.threshold:.6f}", f"{found.rate:.4f}"]


# ---------------------------------------------------------------------- utility
def _lay_out_judgements(run: Run, folder: Path) -> None:
    data = [run.dir_of(name) for name in run.config.sets.judge]
    for judge in judges.asked(run.config.judges):
        root = run.exp / "judges" / judge.name
        heard = [judges.heard(part, judge, run.config.judges.utterances) for part in data]
        parts = [part for part in heard if part is not None and (root / part.name / "judgement.scp").is_file()]
        if not parts or judge.family == "resemblyzer":
            continue
        measured = judgements.measured(parts, judge, root)
        if judge.family in judgements.TRANSCRIBERS:
            _write_words(folder / judge.name, parts, root, measured, run.config.scoring.by)
            [percent] = measured.values()
            measured = {"wer": {name: (total / 100, words) for name, (total, words) in percent.items()}}
        write_averages(folder / judge.name, averages(parts, measured, run.config.scoring.by))


def _write_words(
    folder: Path, parts: Sequence[DataDir], root: Path, measured: dict[str, dict[str, tuple[float, float]]],
    by: Sequence[str],
) -> None:  # fmt: skip
    [edits] = measured.values()
    for part in parts:
        rows = [["path", "n_edits", "n_words_ref", "wer", "text"]]
        for utterance, text in judgements.hypotheses_of(part, root).items():
            errors, words = edits[utterance][0] / 100, edits[utterance][1]
            rate = f"{errors / words:.4f}" if words else "nan"
            rows.append([part.tables["wav.scp"][utterance], f"{errors:.0f}", f"{words:.0f}", rate, text])
        if part.name in (ALL, *map(key_of, (*USUAL, *by))):
            raise DataError(f"{part.path}: {part.name}.txt holds averages; lay out data dirs of other names")
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{part.name}.txt", rows)


def _lay_out_speed(run: Run, folder: Path) -> None:
    for file in sorted((run.exp / run.system).glob("speed*/speed.json")):
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            machines = found.get("machines") or {found["machine"]["device"]: found["machine"]}
            for device, machine in machines.items():
                kind = "cuda" if device.startswith("cuda") else "cpu"
                rows = [["input_duration", "inference_median", "lowest", "highest"]]
                for row in found["rows"]:
                    if row["batch"] == 1 and row.get("device", device) == device:
                        figures = (row["factor"], row["low"], row["high"])
                        rows.append([f"{row['seconds']:g}", *(f"{row['seconds'] * one:.3f}" for one in figures)])
                folder.mkdir(parents=True, exist_ok=True)
                _write(folder / f"{kind}_inference.txt", rows)
                specs = [f"{key}: {value}" for key, value in machine.items()]
                write_atomic(folder / f"{'gpu' if kind == 'cuda' else 'cpu'}_specs.txt", "\n".join(specs) + "\n")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{file}: not as steps/measure_speed.py writes it: {error!r}") from None


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    write_atomic(path, "".join("\t".join(row) + "\n" for row in rows))
