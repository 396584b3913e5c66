"""The frame of a step: whole or absent, skip, continue, conflict, repair, lock, exit codes."""

import argparse
import json
from pathlib import Path

import pytest

from pseudovox import stage
from pseudovox.errors import DataError, MissingModelError


def arguments(**changes: object) -> argparse.Namespace:
    values = {"step": "test", "limit": 0, "seed": 1, "force": False, "device": "cpu", "nj": 1}
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
    assert "--force" in caught.value.mend
    assert (folder / "result").read_text() == "x"
    assert make(folder, {"a": 2}, "y", force=True)
    assert (folder / "result").read_text() == "y"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_failure_leaves_a_partial_that_is_continued(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(RuntimeError), stage.output(arguments(), folder, settings={}) as out:
        assert out is not None
        (out.path / "half").write_text("1")
        raise RuntimeError
    assert not folder.exists()
    with stage.output(arguments(), folder, settings={}) as out:
        assert out is not None and (out.path / "half").read_text() == "1"
    assert (folder / "half").exists()
    marker = json.loads((folder / ".done.json").read_text())
    assert marker["seed"] == 1 and marker["versions"]["pseudovox"] and "wall_seconds" in marker


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
