"""The frame of a step: whole or absent, skip, continue, conflict, repair, lock, exit codes."""

import argparse
import contextlib
import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pseudovox import stage
from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import DataDir
from pseudovox.stage import locks


def arguments(**changes: object) -> argparse.Namespace:
    values = {"step": "test", "limit": 0, "channel": 0, "seed": 1, "force": False, "device": "cpu", "nj": 1}
    return argparse.Namespace(**{**values, **changes})


def make(folder: Path, settings: dict, text: str = "x", **changes: object) -> bool:
    """A minimal step; True if it did work."""
    with stage.output(arguments(**changes), folder, settings=settings) as out:
        if out is None:
            return False
        (out.path / "result").write_text(text)
        return True


def test_second_run_skips_and_other_settings_stop(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert make(folder, {"a": 1})
    assert not make(folder, {"a": 1})
    with pytest.raises(DataError, match=r"settings\.a: 1 -> 2") as caught:
        make(folder, {"a": 2}, "y")
    assert "--force" in caught.value.hint
    assert (folder / "result").read_text() == "x"
    assert make(folder, {"a": 2}, "y", force=True)
    assert (folder / "result").read_text() == "y"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_summary_is_replaced_without_force(tmp_path: Path) -> None:
    def summarise(text: str) -> bool:
        with stage.output(
            arguments(), tmp_path / "out", settings={"systems": text}, torch_device=False, replace=True
        ) as out:
            if out is not None:
                (out.path / "file").write_text(text)
            return out is not None

    assert summarise("a") and not summarise("a") and summarise("a,b")
    assert (tmp_path / "out/file").read_text() == "a,b"


def test_failure_leaves_a_partial_that_is_continued(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(RuntimeError), stage.output(arguments(), folder, settings={}) as out:
        assert out is not None
        (out.path / "half").write_text("1")
        raise RuntimeError
    assert not folder.exists()
    with stage.output(arguments(), folder, settings={}) as out:
        assert out is not None and (out.path / "half").read_text() == "1"
        (out.path / "deep").mkdir()
        (out.path / "deep/.f0.1.ark.895.tmp").touch()  # of a job that was killed, and done again by another
    assert (folder / "half").exists() and not list((folder / "deep").iterdir())
    marker = json.loads((folder / ".done.json").read_text())
    assert marker["seed"] == 1 and marker["versions"]["pseudovox"] and "wall_seconds" in marker


def test_partial_of_other_inputs_is_begun_anew(tmp_path: Path) -> None:
    """A bad file stopped a step; it is taken away, and the same command goes on."""

    def step(read: str, *, fail: bool = False) -> list[str]:
        inputs = [("recordings", read)]
        with stage.output(arguments(), tmp_path / "out", settings={}, inputs=inputs, torch_device=False) as out:
            assert out is not None
            found = sorted(path.name for path in out.path.iterdir() if not path.name.startswith((".", "log")))
            (out.path / f"of-{read}").touch()
            if fail:
                raise RuntimeError
        return found

    with pytest.raises(RuntimeError):
        step("with the bad file", fail=True)
    assert step("without it") == [] and (tmp_path / "out/of-without it").exists()

    (tmp_path / "out.partial/checkpoints").mkdir(parents=True)  # hours of a training
    made_from = {**json.loads((tmp_path / "out/.done.json").read_text()), "inputs": {"0:recordings": "x"}}
    keys = ("step", "settings", "inputs", "limit", "seed")
    (tmp_path / "out.partial/.settings.json").write_text(json.dumps({key: made_from[key] for key in keys}))
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(DataError, match=r"inputs\.0:recordings: x -> y"):
        step("y")


def test_output_that_was_moved_and_linked_back(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "exp/out", tmp_path / "disk/out"
    folder.parent.mkdir()
    elsewhere.parent.mkdir()
    assert make(folder, {"a": 1})
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    assert not make(folder, {"a": 1}), "it is there still"
    for text in ("y", "z"):
        assert make(folder, {"a": 1}, text, force=True)
        assert folder.is_symlink() and (elsewhere / "result").read_text() == text
    assert sorted(path.name for path in (*folder.parent.iterdir(), *elsewhere.parent.iterdir())) == ["out", "out"]
    shutil.rmtree(elsewhere)
    with pytest.raises(DataError, match=r"is a link to .*, where no folder is") as caught:
        make(folder, {"a": 1})
    assert caught.value.hint.startswith(f"rm {folder}")
    folder.unlink()
    assert make(folder, {"a": 1}) and not folder.is_symlink()


def test_partial_of_other_settings_stops(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), stage.output(arguments(), tmp_path / "out", settings={"a": 1}):
        raise RuntimeError
    with pytest.raises(DataError, match=r"settings\.a"):
        make(tmp_path / "out", {"a": 2})


def test_kill_between_marker_and_rename_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    make(folder, {"a": 1})
    folder.rename(tmp_path / "out.partial")
    assert not make(folder, {"a": 1})
    assert (folder / "result").exists()


def test_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    for force in (False, True):
        with pytest.raises(DataError, match="left alone"):
            make(tmp_path / "out", {}, force=force)
    assert (tmp_path / "out" / "thesis.tex").read_text() == "years of work"


def test_inputs_decide_too(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("1")

    def run() -> bool:
        with stage.output(arguments(), tmp_path / "out", settings={}, inputs=[tmp_path / "in"]) as out:
            return out is not None

    assert run() and not run()
    (tmp_path / "in").write_text("2")
    with pytest.raises(DataError, match=r"inputs\.0:in"):
        run()


def test_second_run_into_one_dir_says_who_holds_it(tmp_path: Path) -> None:
    import multiprocessing

    with stage.output(arguments(), tmp_path / "out", settings={}) as out:
        assert out is not None
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            message = pool.apply(_second_run, (tmp_path / "out",))
    assert "another run is writing it (process" in message


def _second_run(folder: Path) -> str:
    try:
        make(folder, {})
    except DataError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("error", "code"), [(DataError("bad"), 3), (MissingModelError("none"), 4), (OSError(28, "No space left", "f"), 3)]
)
def test_errors_become_exit_codes(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def run(args: argparse.Namespace, config: object) -> None:
        raise error

    assert stage.main(stage.parser("manual"), [], run) == code


def test_unknown_key_is_a_usage_error() -> None:
    assert stage.main(stage.parser("manual"), ["--set", "sead=1"], lambda args, config: None) == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("nj", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_full_disk_names_the_output_and_the_next_run_completes_it(
    small_disk: Path, tiny_data: DataDir, program: Callable[..., subprocess.CompletedProcess[str]], nj: int
) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        return program("steps/extract_f0.py", "--nj", nj, "data/tiny", "data/second", small_disk / "f0")

    tiny_data.write("data/second")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(256 * 1024 - 24 * 1024))
    done = run()
    assert done.returncode == 3 and "Traceback" not in done.stderr, done.stderr
    assert f"{small_disk}/f0/" in done.stderr and "No space left on device" in done.stderr
    assert "make room there, then run the same command" in done.stderr
    ballast.unlink()
    done = run()
    assert done.returncode == 0, done.stderr
    assert list(read_scp(small_disk / "f0/tiny/f0.scp")) == tiny_data.utterances
    assert not list(small_disk.rglob("*.partial"))


def test_read_only_place_is_told_and_output_that_is_done_there_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make(tmp_path / "out", {"a": 1})

    def read_only(path: object, *arguments: object, **named: object) -> object:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(locks, "open", read_only, raising=False)
    assert not make(tmp_path / "out", {"a": 1})
    with pytest.raises(DataError, match=r"other: cannot be written: Read-only file system") as caught:
        make(tmp_path / "other", {"a": 1})
    assert "can be written" in caught.value.hint


def test_output_that_is_an_input_or_in_one_is_refused(tmp_path: Path) -> None:
    def run(out_dir: Path) -> None:
        with stage.output(arguments(force=True), out_dir, settings={}, inputs=[tmp_path / "in"]):
            raise AssertionError("entered")

    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for folder in ("in", "in/f0", "link", "other/../in"):
        with pytest.raises(DataError, match=r"the output would be in the input .*/in"):
            run(tmp_path / folder)
    assert list((tmp_path / "in").iterdir()) == []


def test_data_dir_named_by_dots_has_its_own_name(tiny_data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    (tiny_data.path / "sub").mkdir()
    root = Path.cwd()
    for folder, path in (("data/tiny", "."), ("data/tiny/sub", "..")):
        monkeypatch.chdir(root / folder)
        args = arguments(data_dirs=[Path(path)], allow_pipes=False)
        assert [data.name for data in stage.load_data(args)] == ["tiny"]


def test_file_in_the_place_of_the_output_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(DataError, match="out: is a file; the output is a folder"):
        make(tmp_path / "out", {})


def test_pipe_as_an_input_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(DataError, match="pipe: neither a file nor a folder"),
        stage.output(arguments(), tmp_path / "out", settings={}, inputs=[tmp_path / "pipe"]),
    ):
        pass


def test_file_system_without_locks_is_told_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", no_locks)
    monkeypatch.setattr(stage.log, "propagate", True)
    assert make(tmp_path / "out", {})
    assert "knows no locks; see that no other run writes it" in caplog.text


def test_failed_step_says_where_its_log_is_and_why_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(DataError), stage.output(arguments(), tmp_path / "out", settings={}):
        raise DataError("the reason")
    written = (tmp_path / "out.partial/log/test.log").read_text()
    assert "ERROR failed: the reason" in written and "command: " in written


def test_outputs_keep_to_their_place_whatever_lies_beside_them(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/mine").write_text("1")
    (tmp_path / "out.partial").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"out.partial: is a link"):
        make(tmp_path / "out", {})
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["mine"]


def test_output_of_other_code_is_told_and_passed_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A step, an edit of what it imports, and the steps that read its output."""
    script = Path(stage.__file__).parents[2] / "steps/extract_f0.py"
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))

    def step(folder: Path, *inputs: Path, **changes: object) -> bool:
        args = arguments(source=script, **changes)
        with stage.output(args, folder, settings={}, inputs=inputs, torch_device=False) as out:
            return out is not None

    with caplog.at_level("WARNING", "pseudovox"), heard():
        assert step(first) and not step(first) and not caplog.text
        marker = json.loads((first / ".done.json").read_text())
        assert "pseudovox/components/f0.py" in marker["code"] and "pseudovox/stage.py" not in marker["code"]
        marker["code"]["pseudovox/components/f0.py"] = "0123456789ab"
        (first / ".done.json").write_text(json.dumps(marker))
        assert not step(first), "it is used"
        assert "CAUTION" in caplog.text and "changed since: pseudovox/components/f0.py)" in caplog.text
        assert step(second, first) and step(third, second)
        for folder in (second, third):
            assert json.loads((folder / ".done.json").read_text())["other_code"] == {
                "test (first)": "pseudovox/components/f0.py"
            }
        caplog.clear()
        assert step(first, force=True) and not step(first) and not caplog.text


def test_a_part_that_other_code_began_is_told_and_passed_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    script = Path(stage.__file__).parents[2] / "steps/extract_f0.py"
    settings = tmp_path / "out.partial/.settings.json"

    def step(fails: bool = False, **changes: object) -> None:
        args = arguments(source=script, **changes)
        with stage.output(args, tmp_path / "out", settings={}, torch_device=False) as out:
            assert out is not None
            (out.path / "result").write_text("x")
            if fails:
                raise DataError("no")

    with caplog.at_level("WARNING", "pseudovox"), heard():
        with pytest.raises(DataError):
            step(fails=True)
        left = json.loads(settings.read_text())
        assert "pseudovox/components/f0.py" in left["code"]
        with pytest.raises(DataError):
            step(fails=True)
        assert "CAUTION" not in caplog.text  # the same code
        settings.write_text(
            json.dumps({**left, "code": {**left["code"], "pseudovox/components/f0.py": "0123456789ab"}})
        )
        with pytest.raises(DataError):  # killed once more: it is not forgotten
            step(fails=True)
        assert "begun by other code (changed since: pseudovox/components/f0.py)" in caplog.text
        step()
        marker = json.loads((tmp_path / "out/.done.json").read_text())
        assert marker["other_code"] == {"test (begun)": "pseudovox/components/f0.py"}
        assert not (tmp_path / "out/.settings.json").exists() and "pseudovox/components/f0.py" in marker["code"]
        step(force=True)
        assert json.loads((tmp_path / "out/.done.json").read_text())["other_code"] == {}


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """Let caplog hear the package's log, which a step that ran before may have kept to itself."""
    before, stage.log.propagate = stage.log.propagate, True
    try:
        yield
    finally:
        stage.log.propagate = before
