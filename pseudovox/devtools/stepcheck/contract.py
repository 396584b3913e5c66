"""What a step leaves behind, as the stages after it read it: the contract of recipes/README.md, and its inspection."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pseudovox import config as configuration
from pseudovox.core.errors import DataError, PseudovoxError
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import DataDir, bytewise
from pseudovox.devtools.stepcheck import bench

UTTERANCES, SPEAKERS, FILE = "utterances", "speakers", "file"


@dataclass(frozen=True)
class Promise:
    """What a step leaves behind, which the next stages read.

    Attributes:
        files: file name -> what its keys are: UTTERANCES or SPEAKERS of the data dir, or FILE (it must be there).
        by_set: a folder for each data dir, `<out>/<data dir>`; else `<out>` itself.
        suffix: appended to the data dirs' names.
        data_dir: the folder is a data dir with the utterances, tables and lengths of the original.
        further: folders beside those of the data dirs.
    """

    files: dict[str, str]
    by_set: bool = True
    suffix: str = ""
    data_dir: bool = False
    further: tuple[str, ...] = ()


_MODEL = Promise({"model.json": FILE, "weights.safetensors": FILE}, by_set=False)
_RESULTS = Promise({"results.json": FILE}, by_set=False)
PROMISES: dict[str, Promise] = {
    "data": Promise({}),
    "xvector": _MODEL,
    "bottleneck": _MODEL,
    "synthesizer": _MODEL,
    "embed": Promise({"xvector.scp": UTTERANCES, "spk_xvector.scp": SPEAKERS, "num_utts": SPEAKERS}),
    "fit": Promise({}, by_set=False),
    "sample": Promise({"pseudo_xvector.scp": UTTERANCES, "spk2gender": SPEAKERS}),
    "extract_f0": Promise({"f0.scp": UTTERANCES}),
    "f0": Promise({"f0.scp": UTTERANCES}),
    "content": Promise({"bottleneck.scp": UTTERANCES}),
    "synthesize": Promise({"wav.scp": UTTERANCES}, suffix=f"_{bench.SYSTEM}", data_dir=True),
    "attacker": _MODEL,
    "asv": _RESULTS,
    "train_recognizer": Promise({**_MODEL.files, "lm.arpa": FILE}, by_set=False),
    "asr": Promise({"hyp": UTTERANCES}),
    "score_wer": _RESULTS,
    "utility": Promise({}, further=("summary",)),
    # A whole system (system.step), in the place of the one that ships.
    "system": Promise({"wav.scp": UTTERANCES}, suffix=f"_{bench.WHOLE_SYSTEM}", data_dir=True),
}


def manual_line(key: str) -> str:
    """The step's row in the table of recipes/README.md."""
    step, stages = configuration.STEPS[key]
    promise = PROMISES.get(key)
    words = {UTTERANCES: " by utterance", SPEAKERS: " by speaker", FILE: ""}
    files = (
        [f"{name}{words[kind]}" for name, kind in promise.files.items()] if promise else ["the report (not checked)"]
    )
    if key == "synthesize":
        files = ["a data dir: wav/, wav.scp and all tables of the original"]
    files += [f"{name}/results.json" for name in (promise.further if promise else ())]
    left = ", ".join(files) or "what the script for `sample` reads"
    return f"| {key} | steps/{step}.py | {' and '.join(stages)} | {left} |"


# ---------------------------------------------------------------------- inspection
def inspect_output(where: Path, folder: str, part: DataDir, promise: Promise) -> list[str]:
    """Breaches of what was promised of the output for a data dir, `folder` below the working directory `where`."""
    found = []
    for name, kind in promise.files.items():
        path = where / folder / name
        if not path.is_file():
            found.append(f"{folder}/{name}: missing")
            continue
        keys = [line.split(" ")[0] for line in path.read_text(encoding="utf-8").splitlines()]
        expected = set(part.utterances if kind == UTTERANCES else part.speakers)
        lost, more = bytewise(expected - set(keys)), bytewise(set(keys) - expected)
        if lost:
            found.append(f"{folder}/{name}: {len(lost)} of {len(expected)} {kind} are lost, e.g. {lost[0]}")
        if more:
            found.append(f"{folder}/{name}: {len(more)} {kind} that the data dir has not, e.g. {more[0]}")
        if keys != bytewise(keys):
            found.append(f"{folder}/{name}: not in bytewise order (write_scp, DataDir.write sort)")
        if len(keys) != len(set(keys)):
            found.append(f"{folder}/{name}: a key stands twice")
    with inside(where):
        for scp in sorted(Path(folder).glob("*.scp")):
            if scp.name != "wav.scp":
                found += _arrays(scp)
        if promise.data_dir:
            found += _data_dir(Path(folder), part)
    return found


def inspect_data_dir(folder: Path) -> list[str]:
    """Breaches of a data dir that was made from nothing (stage data)."""
    try:
        data = DataDir.load(folder)
    except PseudovoxError as error:
        return [f"no valid data dir: {error.message}"]
    unsorted = [name for name, table in data.tables.items() if list(table) != bytewise(table)]
    return [f"{folder}/{name}: not in bytewise order (DataDir.write sorts)" for name in unsorted]


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """With a folder as the working directory, to which the paths in its tables are relative."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _arrays(scp: Path) -> list[str]:
    archive = read_scp(scp)
    sizes = set()
    is_vector = "xvector" in scp.name  # other one-dimensional arrays are as long as the utterance
    for key, entry in archive.entries.items():
        if scp.parent.resolve() not in Path(entry.rpartition(":")[0]).resolve().parents:
            return [f"{scp}: {key} lies outside the output: {entry}"]
        try:
            shape = archive[key].shape
            sizes.add(shape if is_vector else shape[1:])
        except DataError as error:
            return [error.message]
    return [f"{scp}: arrays of different dimensions: {sorted(sizes)}"] if len(sizes) > 1 else []


def _data_dir(folder: Path, part: DataDir) -> list[str]:
    try:
        data = DataDir.load(folder)
        found = [
            f"{folder}/{name}: not as in the original"
            for name in (*part.tables, *part.lists)
            if name not in ("wav.scp", "utt2dur", "segments")
            and (data.tables.get(name) or data.lists.get(name)) != (part.tables.get(name) or part.lists.get(name))
        ]
        for utterance in part.utterances:
            if abs(data.duration(utterance) - part.duration(utterance)) > 0.02:
                found.append(
                    f"{folder}: {utterance} lasts {data.duration(utterance):.2f} s, the original "
                    f"{part.duration(utterance):.2f}"
                )
                break
    except PseudovoxError as error:
        return [f"no valid data dir: {error.message}"]
    return found
