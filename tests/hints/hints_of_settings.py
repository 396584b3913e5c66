"""Hints of configurations, of the frame of steps, and of the program `pseudovox`."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import pytest
from obeying import ROOT, command_in, obeyed, options_in, program, run, settings_in, shell

from pseudovox import config as configuration
from pseudovox import console, stage
from pseudovox.config import kinds
from pseudovox.core import seeds
from pseudovox.corpora import locations
from pseudovox.data.datadir import DataDir
from pseudovox.stage import jobs, outputs

CONFIG, YAML, SCHEMA = "pseudovox/config/checks.py", "pseudovox/config/strict_yaml.py", "pseudovox/config/validation.py"
STAGE, CONSOLE = "pseudovox/stage/", "pseudovox/console.py"


# ---------------------------------------------------------------------- yaml
def _yaml(fragment: str, wrong: str | bytes, name: str) -> None:
    """A file of which it is said where keys and their form stand: a copy of that is read."""

    def play(tmp_path: Path) -> Any:
        Path("x.yaml").write_bytes(wrong if isinstance(wrong, bytes) else wrong.encode())
        hint = yield lambda: configuration.load(Path("x.yaml"))
        shutil.copy(ROOT / hint.split(" in ")[1], "x.yaml")

    obeyed(YAML, fragment, name)(play)


_yaml("no configuration file is that large", b"#" * 2**21, "a huge configuration")
_yaml("expected `key: value` lines", "- 1\n- 2\n", "a list in the place of a configuration")
_yaml("{}: not a configuration: {}", "seed: [1\n", "a configuration that is no yaml")
_yaml("nested too deeply", "a: " + "[" * 5000 + "]" * 5000, "a configuration nested too deeply")
_yaml("holds plain values alone", "seed: !!python/object:os.system {}\n", "a configuration that would run code")


@obeyed(YAML, "not utf-8")
def configuration_in_another_encoding(tmp_path: Path) -> Any:
    Path("x.yaml").write_bytes("data: {folder: café}\n".encode("latin1"))
    hint = yield lambda: configuration.load(Path("x.yaml"))
    shell(command_in(hint))
    assert configuration.load(Path("x.yaml")).data.folder == "café"


@obeyed(YAML, "stand for a value again")
def configuration_with_an_alias(tmp_path: Path) -> Any:
    Path("x.yaml").write_text("systems: &x [own]\nsets: {train: *x}\n")
    yield lambda: configuration.load(Path("x.yaml"))
    Path("x.yaml").write_text("systems: [own]\nsets: {train: [own]}\n")


@obeyed(SCHEMA, "nothing is put in for it")
def setting_that_reads_the_environment() -> Any:
    yield lambda: configuration.load(None, ["data.folder=${HOME}"])
    yield lambda: configuration.load(None, ["data.folder=/home/me"])


@obeyed(SCHEMA, "is not utf-8")
def setting_that_is_no_text() -> Any:
    yield lambda: configuration.load(None, ["data.folder=\udcff"])
    yield lambda: configuration.load(None, ["data.folder=renamed"])


# ---------------------------------------------------------------------- recipes
@obeyed(CONFIG, "cannot be a name")
def name_with_a_space() -> Any:
    yield lambda: configuration.check_name("my system", "system")
    yield lambda: configuration.check_name("my_system", "system")


@obeyed(CONFIG, "has no voice activity detection")
def speechbrain_with_speech_alone() -> Any:
    asked = ["xvector.features.kind=speechbrain", "xvector.features.speech_only=true"]
    hint = yield lambda: configuration.compose("mini", overrides=asked)
    yield lambda: configuration.compose("mini", overrides=[*asked, *settings_in(hint)])


def _add(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


@obeyed("pseudovox/config/kinds.py", "expected a folder of recipes/, whose code is run")
def extension_outside_recipes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(kinds.ENVIRONMENT, "")
    hint = yield lambda: kinds.extend(["elsewhere"])
    folder = hint.split("e.g. ")[1]
    (tree / folder / "kinds").mkdir(parents=True)
    yield lambda: kinds.extend([folder])


@obeyed("pseudovox/config/kinds.py", "/kinds is no folder")
def extension_without_kinds(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(kinds.ENVIRONMENT, "")
    monkeypatch.chdir(tree)
    hint = yield lambda: kinds.extend(["recipes/mini"])
    shell(command_in(hint, "mkdir"))


@obeyed("steps/fit_pseudo_speakers.py", "has nothing to choose")
def selection_for_a_strategy_without_sizes(tiny_data: DataDir) -> Any:
    asked = ["--set", "pseudo.strategy=own", "--xvectors", "x", "data/tiny", "out"]
    hint = yield lambda: program("steps/fit_pseudo_speakers.py", "--select", *asked)
    assert hint == "leave --select out"
    yield lambda: program("steps/fit_pseudo_speakers.py", *asked)


@obeyed(CONFIG, "expected a script of the checkout")
def script_outside_the_checkout(tree: Path) -> Any:
    (tree / "x.py").write_text("pass\n")
    hint = yield lambda: configuration.check_script(str(tree / "x.py"), "steps.sample", "steps/", "recipes/")
    place = tree / hint.split("e.g. ")[1]
    place.parent.mkdir(parents=True)
    shutil.move(tree / "x.py", place)
    yield lambda: configuration.check_script(hint.split("e.g. ")[1], "steps.sample", "steps/", "recipes/")


@obeyed(CONFIG, "is all that the system does")
def system_of_one_step_with_stages(tree: Path) -> Any:
    system = tree / "conf/system/other.yaml"
    system.write_text("system: {step: anonymize_mcadams, base: xvector, stages: [f0]}\n")
    hint = yield lambda: configuration.compose("mini", "other")
    assert hint.split()[1] == "system.step"
    system.write_text("system: {base: xvector, stages: [f0]}\n")


@obeyed(CONFIG, "of no family")
def system_of_no_family(tree: Path) -> Any:
    system = tree / "conf/system/other.yaml"
    system.write_text("system: {stages: [f0]}\n")
    hint = yield lambda: configuration.compose("mini", "other")
    added = hint.split("`")[1]
    system.write_text(f"system: {{{added}, stages: [f0]}}\n")


@obeyed(CONFIG, "that step runs once for all systems")
def system_that_replaces_a_step_of_all(tree: Path) -> Any:
    system = tree / "conf/system/other.yaml"
    system.write_text("steps: {embed: steps/extract_xvectors.py}\nsystem: {base: xvector, stages: [f0]}\n")
    hint = yield lambda: configuration.compose("mini", "other")
    _add(tree / "recipes/mini" / hint.split()[-1], "\nsteps: {embed: steps/extract_xvectors.py}\n")
    system.write_text("system: {base: xvector, stages: [f0]}\n")


@obeyed(CONFIG, "here it would change nothing")
def system_that_sets_what_is_for_all(tree: Path) -> Any:
    system = tree / "conf/system/other.yaml"
    system.write_text("emotion: {folds: 7}\nsystem: {base: xvector, stages: [f0]}\n")
    hint = yield lambda: configuration.compose("mini", "other")
    _add(tree / hint.split()[-1], "\nemotion: {folds: 7}\n")
    system.write_text("system: {base: xvector, stages: [f0]}\n")


@obeyed("pseudovox/corpora/locations.py", "{}")
def corpora_that_are_not_there(tmp_path: Path) -> Any:
    hint = yield lambda: locations.check(configuration.compose("vpc2022"))
    Path("there").mkdir()
    roots = [setting.replace("/where/it/lies", str(tmp_path / "there")) for setting in settings_in(hint)]
    yield lambda: locations.check(configuration.compose("vpc2022", overrides=roots))


@obeyed("pseudovox/core/seeds.py", "holds no secret seed")
def seed_that_can_be_guessed(tmp_path: Path) -> Any:
    Path("seed").write_text("7\n")
    hint = yield lambda: seeds.secret_seed(Path("seed"))
    shell(command_in(hint))


@obeyed("pseudovox/core/seeds.py", "holds no secret seed")
def seed_that_can_be_guessed_is_written_anew(tmp_path: Path) -> Any:
    Path("seed").write_text("7\n")
    yield lambda: seeds.secret_seed(Path("seed"))
    Path("seed").write_text(f"{2**100}\n")


# ---------------------------------------------------------------------- the frame of steps
def _f0(*words: object) -> None:
    program("steps/extract_f0.py", "--nj", 1, *words)


@obeyed(STAGE, "no CUDA device works here")
def device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> Any:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    hint = yield lambda: stage.resolve_device("cuda")
    yield lambda: stage.resolve_device(options_in(hint)[1])


@obeyed(STAGE, "the output would be in the input")
def output_in_an_input(tiny_data: DataDir) -> Any:
    yield lambda: program("steps/extract_f0.py", "--nj", 1, "data/tiny", "data")
    yield lambda: program("steps/extract_f0.py", "--nj", 1, "data/tiny", "f0")


@obeyed(STAGE, "is a link to {}, where no folder is")
def output_behind_a_broken_link(tiny_data: DataDir) -> Any:
    Path("f0").mkdir()
    Path("f0/tiny").symlink_to("gone")
    hint = yield lambda: _f0("data/tiny", "f0")
    shell(command_in(hint))


@obeyed(STAGE, "is a file; the output is a folder")
def output_where_a_file_is(tiny_data: DataDir) -> Any:
    Path("f0").mkdir()
    Path("f0/tiny").write_text("")
    yield lambda: _f0("data/tiny", "f0")
    yield lambda: _f0("data/tiny", "other")


@obeyed(STAGE, "that no finished step of pseudovox wrote")
def output_where_other_files_are(tiny_data: DataDir) -> Any:
    Path("f0/tiny").mkdir(parents=True)
    Path("f0/tiny/mine").write_text("")
    yield lambda: _f0("data/tiny", "f0")
    Path("f0/tiny").rename("away")


@obeyed(STAGE, "was made with other settings or inputs")
def output_of_other_settings(tiny_data: DataDir) -> Any:
    _f0("data/tiny", "f0")
    hint = yield lambda: _f0("--set", "f0.floor=70", "data/tiny", "f0")
    force = options_in(hint)[0]
    yield lambda: _f0("--set", "f0.floor=70", force, "data/tiny", "f0")


@obeyed(STAGE, "and nothing is written outside the output dir")
def part_of_an_output_that_is_a_link(tiny_data: DataDir) -> Any:
    Path("f0").mkdir()
    Path("elsewhere").mkdir()
    Path("f0/tiny.partial").symlink_to("../elsewhere")
    hint = yield lambda: _f0("data/tiny", "f0")
    shell(command_in(hint))


@obeyed(STAGE, "another run is writing it")
def output_of_another_run(tiny_data: DataDir) -> Any:
    held = stage.lock(Path("f0/tiny"))
    held.__enter__()
    yield lambda: _f0("data/tiny", "f0")
    held.__exit__(None, None, None)  # it has ended


@obeyed(STAGE, "cannot be written")
def output_dir_that_is_read_only(tiny_data: DataDir, monkeypatch: pytest.MonkeyPatch) -> Any:
    import errno

    real = Path.mkdir

    def refused(path: Path, *arguments: Any, **named: Any) -> None:
        if "f0" in path.parts:
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        real(path, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", refused)
    yield lambda: _lock_aside("f0")
    yield lambda: _lock_aside("other")


def _lock_aside(folder: str) -> None:
    with outputs._disk_errors(Path(folder)):
        Path(folder).mkdir()


@obeyed(STAGE, "utterances of {} are missing")
def speech_that_was_not_all_anonymized(tiny_data: DataDir) -> Any:
    tiny_data.subset(tiny_data.utterances[1:]).write(Path("data/tiny_x"))
    asked = argparse.Namespace(system="x", allow_pipes=False, channel=0)
    hint = yield lambda: stage.load_made(asked, [tiny_data])
    assert options_in(hint) == ["--system", "x", "--stage", "synthesize", "--stop-stage", "synthesize", "--force"]
    tiny_data.write(Path("data/tiny_x"))  # (test_the_stages_that_mends_name: that stage makes it)


@obeyed("pseudovox/stage/parallel.py", "the outputs of data dirs of the same name would be one")
def data_dirs_of_one_name(tiny_data: DataDir) -> Any:
    tiny_data.write(Path("other/tiny"))
    yield lambda: _f0("data/tiny", "other/tiny", "f0")
    yield lambda: [_f0("data/tiny", "f0"), _f0("other/tiny", "f0_other")]


@obeyed("pseudovox/stage/parallel.py", "utterances failed, e.g.")
def utterances_that_fail(tiny_data: DataDir) -> Any:
    kept = Path("wav/f1-0.wav").read_bytes()
    Path("wav/f1-0.wav").write_bytes(kept[:200])
    yield lambda: _f0("data/tiny", "f0")
    Path("wav/f1-0.wav").write_bytes(kept)


@obeyed("pseudovox/stage/jobs.py", "and there is no srun on this machine")
def slurm_without_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PATH", "/nowhere")
    yield lambda: jobs._slurm_executor(tmp_path)
    Path("srun").write_text("#!/bin/sh\n")
    Path("srun").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))  # as on a login node


# ---------------------------------------------------------------------- the program `pseudovox`
def _pseudovox(*words: str) -> None:
    run(console.main, "pseudovox", *words, "--system", "mcadams")


@obeyed(CONSOLE, "is a folder")
def target_that_is_a_folder(voice: Path) -> Any:
    Path("out").mkdir()
    hint = yield lambda: _pseudovox("in.wav", "out")
    yield lambda: _pseudovox("in.wav", hint.split("e.g. ")[1])


@obeyed(CONSOLE, "lies in {}, or this in it")
def target_in_the_source(voice: Path) -> Any:
    Path("folder").mkdir()
    voice.rename("folder/in.wav")
    yield lambda: _pseudovox("folder", "folder/out")
    yield lambda: _pseudovox("folder", "out")


@obeyed(CONSOLE, "is there already")
def target_that_is_there(voice: Path) -> Any:
    Path("out.wav").write_bytes(b"")
    hint = yield lambda: _pseudovox("in.wav", "out.wav")
    yield lambda: _pseudovox("in.wav", "out.wav", options_in(hint)[0])


@obeyed(CONSOLE, "is there already")
def target_that_is_the_source(voice: Path) -> Any:
    yield lambda: _pseudovox("in.wav", "in.wav", "--force")
    yield lambda: _pseudovox("in.wav", "another.wav", "--force")
