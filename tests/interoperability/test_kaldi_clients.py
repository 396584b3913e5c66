"""Data dirs and archives as other programs read them: lhotse, kaldiio and kaldi_native_io, from PyPI."""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kaldiio
import numpy as np
import pytest
import soundfile

from pseudovox.data.archive import read_scp, write_arrays
from pseudovox.data.datadir import DataDir

Program = Callable[..., "subprocess.CompletedProcess[str]"]


def segmented() -> None:
    """data/segments: data/tiny as two parts of each recording."""
    tiny = DataDir.load("data/tiny")
    tables = {**{name: {} for name in ("segments", "utt2spk", "text")}, "wav.scp": tiny.tables["wav.scp"]}
    for recording in tiny.utterances:
        for name, start, end in (("a", 0.0, 0.2), ("b", 0.2, 0.45)):
            tables["segments"][f"{recording}-{name}"] = f"{recording} {start} {end}"
            tables["utt2spk"][f"{recording}-{name}"] = tiny.utt2spk[recording]
            tables["text"][f"{recording}-{name}"] = "some words"
    tables["spk2gender"] = tiny.spk2gender
    DataDir("data/segments", tables).write()


def data_dirs(program: Program) -> list[Path]:
    """Data dirs as the programs of the tree leave them: read from a folder, anonymized, perturbed, cut, in segments."""
    segmented()
    for script, *words in (
        ("local/prepare_folder.py", "wav", "data"),
        ("steps/anonymize_mcadams.py", "--device", "cpu", "data/tiny", "data"),
        ("utils/perturb_data_dir_speed.py", "0.9", "data/tiny", "data/slow"),
        ("utils/materialize_data_dir.py", "data/segments", "data/cut"),
    ):
        done = program(script, *words)
        assert done.returncode == 0, done.stderr
    return sorted(path.parent for path in Path("data").glob("*/wav.scp"))


def manifest(folder: Path, name: str) -> dict[str, dict[str, Any]]:
    """The entries of one of lhotse's manifests by id."""
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return {entry["id"]: entry for entry in map(json.loads, file)}


def test_lhotse_imports_every_data_dir(tiny_data: DataDir, program: Program) -> None:
    if importlib.util.find_spec("lhotse") is None:
        pytest.skip("lhotse is not installed: utils/install.sh interoperability")
    found = data_dirs(program)
    assert {path.name for path in found} == {"tiny", "tiny_mcadams", "recordings", "slow", "segments", "cut"}
    words = [["kaldi", "import", str(path), "16000", f"manifests/{path.name}"] for path in found]
    calls = f"for words in {words}: cli.main(words, standalone_mode=False)"
    client = [sys.executable, "-c", f"from lhotse.bin.lhotse import cli\n{calls}"]
    done = subprocess.run(client, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    for path in found:
        data, made = DataDir.load(path), Path("manifests", path.name)
        recordings = manifest(made, "recordings")
        assert recordings.keys() == set(data.recordings)
        for key, recording in recordings.items():
            assert recording["sources"][0]["source"] == data.tables["wav.scp"][key]
            samples = soundfile.info(data.tables["wav.scp"][key]).frames
            assert 0 <= samples - recording["num_samples"] < 16, "lhotse takes whole milliseconds"
        if "segments" not in data.tables:
            continue
        supervisions = manifest(made, "supervisions")
        assert supervisions.keys() == set(data.utterances)
        for key, one in supervisions.items():
            recording, start, end = data.segment(key)
            assert (one["recording_id"], one["start"]) == (recording, start)
            assert one["duration"] == pytest.approx(end - start)
            speaker = data.utt2spk[key]
            assert (one["speaker"], one["text"], one["gender"]) == (speaker, data.text[key], data.spk2gender[speaker])


def test_archives(tiny_data: DataDir, program: Program) -> None:
    """Vectors and matrices, as steps leave them and as the library writes them."""
    done = program("steps/extract_f0.py", "data/tiny", "f0")
    assert done.returncode == 0, done.stderr
    draw = np.random.default_rng(1)
    Path("made").mkdir()
    write_arrays(Path("made"), "matrix", {f"u{number}": draw.standard_normal((number + 1, 3)) for number in range(4)})
    write_arrays(Path("made"), "vector", {f"spk{number}": draw.standard_normal(5) for number in range(3)})
    native = pytest.importorskip("kaldi_native_io")
    readers = {1: native.RandomAccessFloatVectorReader, 2: native.RandomAccessFloatMatrixReader}
    for scp in (Path("f0/tiny/f0.scp"), Path("made/matrix.scp"), Path("made/vector.scp")):
        ours = read_scp(scp)
        others = kaldiio.load_scp(str(scp))
        assert list(others) == list(ours)
        reader = None
        for key, array in ours.items():
            np.testing.assert_array_equal(others[key], array)
            reader = reader or readers[array.ndim](f"scp:{scp}")
            np.testing.assert_array_equal(np.asarray(reader[key]).reshape(array.shape), array)
        for ark in sorted(scp.parent.glob(f"{scp.stem}*.ark")):
            kind = native.SequentialFloatVectorReader if array.ndim == 1 else native.SequentialFloatMatrixReader
            with kind(f"ark:{ark}") as sequence:
                for key, array in sequence:
                    np.testing.assert_array_equal(np.asarray(array).reshape(ours[key].shape), ours[key])
            for key, array in kaldiio.load_ark(str(ark)):
                np.testing.assert_array_equal(array, ours[key])
