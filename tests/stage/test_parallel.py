"""Steps over utterances: the same bytes for any --nj, resume by piece, failures listed, inputs untouched."""

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pseudovox.core.errors import SomeUtterancesFailed, UsageError
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import DataDir
from pseudovox.stage import parallel

ROOT = Path(__file__).resolve().parents[2]
CALLS: list[str] = []


class Moments:
    """Mean and deviation of the samples; fails on the utterance named in `bad`."""

    def __init__(self, device: str, bad: str = "") -> None:
        self.bad = bad

    def process(self, batch: list[parallel.Utterance]) -> Iterator[tuple[parallel.Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            CALLS.append(utterance.id)
            if utterance.id == self.bad:
                raise ValueError("no voice in it")
            samples = utterance.audio()
            yield utterance, {"moments": np.array([samples.mean(), samples.std()])}


class Louder(Moments):
    def process(self, batch: list[parallel.Utterance]) -> Iterator[tuple[parallel.Utterance, np.ndarray]]:  # type: ignore[override]
        for utterance in batch:
            CALLS.append(utterance.id)
            yield utterance, utterance.audio() * 2


def arguments(**changes: object) -> argparse.Namespace:
    values = {
        "step": "test",
        "limit": 0,
        "channel": 0,
        "seed": 1,
        "force": False,
        "device": "cpu",
        "nj": 1,
        "batch_seconds": 60,
    }
    return argparse.Namespace(**{**values, **changes})


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "log" not in path.parts and path.name != ".done.json"
    }


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "PIECE_UTTERANCES", 3)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (Path(__file__).parent, Path(__file__).parents[2]))))
    CALLS.clear()


def test_same_bytes_for_any_number_of_jobs(tiny_data: DataDir) -> None:
    before = digests(Path("data"))
    for nj in (1, 3):
        parallel.map_utterances(
            arguments(nj=nj), [tiny_data], Path(f"out{nj}"), settings={}, worker=lambda: Moments, arrays=("moments",)
        )
    one, three = digests(Path("out1")), digests(Path("out3"))
    assert {name for name in one if name.endswith(".ark")} == {f"tiny/moments.{k}.ark" for k in (1, 2, 3, 4)}
    assert all(one[name] == three[name] for name in one if name.endswith(".ark"))
    assert list(read_scp("out1/tiny/moments.scp")) == tiny_data.utterances
    assert digests(Path("data")) == before


def test_missing_file_is_made_again_and_nothing_else(tiny_data: DataDir) -> None:
    def run() -> None:
        CALLS.clear()
        parallel.map_utterances(
            arguments(),
            [tiny_data],
            Path("out"),
            settings={},
            worker=lambda: Louder,
            audio=True,
            out_names=lambda n: f"{n}_x",
        )

    run()
    before = digests(Path("out"))
    victim = tiny_data.utterances[5]
    Path(f"out/tiny_x/wav/{victim}.wav").unlink()
    run()
    assert CALLS == [victim] and digests(Path("out")) == before
    run()
    assert CALLS == []
    made = DataDir.load("out/tiny_x")
    assert made.text == tiny_data.text and made.spk2gender == tiny_data.spk2gender
    assert made.table("utt2dur") == tiny_data.table("utt2dur")


def test_failures_are_listed_and_the_rest_is_kept(tiny_data: DataDir) -> None:
    import functools

    def run(bad: str) -> None:
        CALLS.clear()
        parallel.map_utterances(
            arguments(), [tiny_data], Path("out"), settings={},
            worker=lambda: functools.partial(Moments, bad=bad), arrays=("moments",),
        )  # fmt: skip

    with pytest.raises(SomeUtterancesFailed, match="f1-1: ValueError: no voice in it"):
        run("f1-1")
    assert Path("out/tiny.partial/failed.tsv").read_text() == "f1-1\tValueError: no voice in it\n"
    Path("out/tiny.partial/log/progress").mkdir()
    Path("out/tiny.partial/log/progress/7.txt").write_text("1.5")  # of a run that was killed, with more jobs
    run("")
    assert sorted(CALLS) == ["f1-0", "f1-1", "f1-2"]  # only the piece that held the failure
    assert not Path("out/tiny/failed.tsv").exists()


def test_limit_takes_the_first(tiny_data: DataDir) -> None:
    from pseudovox import stage

    args = arguments(limit=2, data_dirs=[tiny_data.path], allow_pipes=False)
    parallel.map_utterances(
        args, stage.load_data(args), Path("out"), settings={}, worker=lambda: Moments, arrays=("moments",)
    )
    assert list(read_scp("out/tiny/moments.scp")) == tiny_data.utterances[:2]


def test_data_dirs_of_the_same_name_are_refused(tiny_data: DataDir) -> None:
    tiny_data.write("other/tiny")
    with pytest.raises(UsageError, match=r"data/tiny and other/tiny: .* of the same name"):
        parallel.map_utterances(
            arguments(), [tiny_data, DataDir.load("other/tiny")], Path("out"), settings={}, worker=lambda: Moments,
            arrays=("moments",),
        )  # fmt: skip


def test_step_that_is_done_does_not_make_its_worker(tiny_data: DataDir) -> None:
    def run(worker: object) -> None:
        parallel.map_utterances(
            arguments(), [tiny_data], Path("out"), settings={}, worker=worker, arrays=("moments",)  # type: ignore[arg-type]
        )  # fmt: skip

    def never() -> None:
        raise AssertionError("called")

    run(lambda: Moments)
    run(never)


def test_check_that_fails_leaves_nothing_behind(tiny_data: DataDir) -> None:
    def worker() -> type[Moments]:
        raise UsageError("no such method")

    with pytest.raises(UsageError):
        parallel.map_utterances(arguments(), [tiny_data], Path("out"), settings={}, worker=worker, arrays=("moments",))
    assert not Path("out").exists()


def python(code: str) -> str:
    """What a fresh interpreter prints that runs this code, with two threads asked for."""
    own = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], env=own, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("first", ["", "import torch; "])
def test_torch_has_one_thread_whenever_it_is_imported(first: str) -> None:
    found = python(
        f"import sys; {first}from pseudovox.stage.parallel import one_thread\n"
        "with one_thread():\n"
        "    print('torch' in sys.modules)\n"
        "    import torch; print(torch.get_num_threads())\n"
        "import os; print(torch.get_num_threads(), os.environ['OMP_NUM_THREADS'])\n"
    )
    assert found.split() == [str(bool(first)), "1", "2", "2"]


def test_a_step_without_a_network_does_without_torch(tiny_data: DataDir) -> None:
    """Importing it takes three seconds."""
    argv = ["--nj", "1", "--set", "f0.method=dio", str(tiny_data.path), "f0"]
    found = python(
        f"import runpy, sys; sys.argv[0] = 'extract_f0'\nmain = runpy.run_path({str(ROOT / 'steps/extract_f0.py')!r})\n"
        f"main['main']({argv!r}); print('torch' in sys.modules)"
    )
    assert found.split()[-1] == "False"
    assert read_scp(f"f0/{tiny_data.name}/f0.scp")
