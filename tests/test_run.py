"""run.sh as a user meets it: help, the list of stages, dry runs, wrong options."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable, **variables}
    return subprocess.run([str(ROOT / "run.sh"), *arguments], capture_output=True, text=True, env=environment)


def test_help_names_every_option() -> None:
    source = (ROOT / "run.sh").read_text()
    options = set(re.findall(r"^ {4}(--[a-z-]+)[|)]", source, re.MULTILINE))
    shown = run("--help")
    assert shown.returncode == 0 and len(options) > 10
    assert [option for option in options if option not in shown.stdout] == []


def test_list_is_the_table_of_stages() -> None:
    shown = run("--list").stdout.splitlines()
    assert [int(line.split()[0]) for line in shown] == list(range(16))
    names = "data xvector bottleneck synthesizer embed fit sample f0 content synthesize attacker asv asr utility report"
    assert [line.split()[1] for line in shown] == [*names.split(), "publish"]


@pytest.mark.parametrize("variable", ["LC_ALL", "LANG", "LC_COLLATE", "LC_CTYPE"])
def test_stages_are_the_same_in_any_locale(variable: str) -> None:
    # (Where the machine has no such locale, this cannot fail.)
    settings = {"LC_ALL": "", variable: "tr_TR.UTF-8"}
    assert run("--list", **settings).stdout == run("--list").stdout


@pytest.mark.parametrize("recipe", sorted(path.parent.name for path in ROOT.glob("recipes/*/recipe.yaml")))
def test_dry_run_names_programs_that_exist_and_writes_nothing(recipe: str, tmp_path: Path) -> None:
    shown = run("--recipe", recipe, "--dry-run", "--exp-dir", str(tmp_path / "exp"), "--data-dir", str(tmp_path / "d"))
    assert shown.returncode == 0, shown.stderr
    programs = set(re.findall(r"(?:recipes/\w+/)?(?:steps|local)/\w+\.py", shown.stdout))
    assert programs and all((ROOT / program).is_file() for program in programs)
    assert list(tmp_path.iterdir()) == []


def test_stage_by_name_and_number_are_the_same() -> None:
    by_name = run("--dry-run", "--stage", "f0", "--stop-stage", "content")
    by_number = run("--dry-run", "--stage", "7", "--stop_stage", "8")
    assert by_name.stdout == by_number.stdout and "extract_f0" in by_name.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stage", "17"], "no stage '17'; there are: 0 data, 1 xvector"),
        (["--stagee", "1"], "no option --stagee"),
        (["--nj=2"], "write '--nj 2'"),
        (["--recipe", "minni"], "there are: .*mini"),
        (["--system", "pca_gm"], "no system called 'pca_gm'.*pca_gmm"),
        (["--set", "xvectr.loss=x"], "nearest valid key"),
        (["--set", "seed"], "expected key=value"),
        (["--set", "steps.sampel=x.py"], "nearest valid key is 'steps.sample'"),
        (["--set", "steps.sample=../x.py"], "expected a script of the checkout"),
        (["--set", "system.step=../x.py"], "system.step: '../x.py': expected a script of the checkout"),
        (["--set", "system.step=anonymize_mcadam"], "there is no steps/anonymize_mcadam.py; the nearest is .*mcadams"),
        (["--system", "pca_gmm", "--set", "system.step=anonymize_mcadams"], "leave system.step or system.stages out"),
        (["--set", "data.folder=${oc.env:HOME}"], "reads the environment"),
        (["--set", "models=a\nsystems=b"], "line break"),
        (["--set", "models=caf\udce9"], r"--set models=caf\?: models is not utf-8"),
        (["--set", "sets.train=[a b]"], "cannot be a name"),
        (["--recipe", "../mini"], "--recipe: '../mini' cannot be a name"),
        (["--system", "pca_gmm,../x"], "'../x' cannot be a name"),
        (["--system", "pca_gmm,"], "'' cannot be a name"),
        (["--nj", "two"], "--nj two: expected a whole number"),
        (["--data-dir", "my data"], "'my data' cannot be a folder here"),
        (["--exp-dir", "exp/*"], "cannot be a folder here"),
        (["--set", "attacks.semi_informed=[scrach]"], "'scrach': expected continued or scratch"),
        (["--set", "attacks.semi_informed=[scratch, scratch]"], "each way once"),
        (["--seed", "x"], "seed must be a whole number"),
        (["--set", "recognizer.kind=whisper"], "recognizer.kind 'whisper': expected ctc or wav2vec2"),
    ],
)
def test_wrong_use_is_told_in_one_message(arguments: list[str], message: str) -> None:
    shown = run(*arguments, "--dry-run")
    assert shown.returncode == 2
    assert re.search(message, shown.stderr) and "Traceback" not in shown.stderr


def steps_shown(*arguments: str) -> list[str]:
    """The scripts that a dry run names, in order, without their folder `steps/`."""
    shown = run("--dry-run", *arguments).stdout
    return [script.removeprefix("steps/") for script in re.findall(r"^\$ \S+ (\S+\.py)", shown, re.MULTILINE)]


def test_configuration_replaces_steps() -> None:
    embed = steps_shown("--stage", "synthesizer", "--stop-stage", "embed", "--set", "steps.embed=steps/score_wer.py")
    assert embed == ["score_wer.py", "train_synthesizer.py", "score_wer.py"]
    settings = ("--set", "steps.extract_f0=steps/score_pitch.py", "--set", "steps.f0=steps/score_wer.py")
    assert steps_shown("--system", "pca_gmm", "--stage", "fit", "--stop-stage", "f0", *settings) == [
        "score_pitch.py", "fit_pseudo_speakers.py", "sample_pseudo_speakers.py", "score_pitch.py", "score_wer.py",
    ]  # fmt: skip
    attacker = ("--stage", "attacker", "--stop-stage", "asv")
    changed = steps_shown(
        *attacker, "--set", "steps.xvector=steps/score_wer.py", "--set", "steps.embed=steps/score_wer.py"
    )
    assert changed == steps_shown(*attacker), "the evaluation is another party's"


def test_attackers_are_trained_in_the_ways_that_the_recipe_names() -> None:
    chosen = ("--dry-run", "--stage", "attacker", "--stop-stage", "asv", "--system", "pca_gmm")
    ways = ("continued", "scratch")
    both = run(*chosen, "--set", "attacks.semi_informed=[continued, scratch]").stdout.splitlines()
    trained = [line for line in both if "train_xvector" in line and "_pca_gmm" in line]
    assert [line.split()[-1] for line in trained] == [f"exp/mini/attacker/pca_gmm/{way}" for way in ways]
    assert ["--initial exp/mini/attacker/original" in line for line in trained] == [True, False]
    scored = [line for line in both if "--attacker semi-informed" in line]
    assert [line.split()[-1] for line in scored] == [f"exp/mini/pca_gmm/asv/semi-informed-{way}" for way in ways]
    assert "--training scratch" in scored[1] and "--xvectors exp/mini/asv/pca_gmm/scratch" in scored[1]
    none = run(*chosen, "--set", "attacks.semi_informed=[]").stdout
    assert "pca_gmm: no semi-informed attacker: the recipe trains no attacker" in none
    assert "--attacker semi-informed" not in none


def test_an_attacker_who_knows_the_seed_undoes_mcadams() -> None:
    chosen = ("--dry-run", "--stage", "asv", "--stop-stage", "asv", "--system", "mcadams,pca_gmm")
    assert "undo_mcadams" not in run(*chosen).stdout
    shown = run(*chosen, "--set", "attacks.seed_informed=true").stdout.splitlines()
    [undo] = [line for line in shown if "undo_mcadams" in line]  # not of pca_gmm, which moves no formants
    assert "--original data/mini/dev_trials_f --original data/mini/dev_trials_m" in undo
    assert " data/mini/dev_trials_f_mcadams " in undo and undo.endswith(" exp/mini/mcadams/undone")
    [score] = [line for line in shown if "--attacker seed-informed" in line]
    assert (
        "--system mcadams --xvectors exp/mini/asv/mcadams/undone --enrolment-xvectors exp/mini/asv/original " in score
    )
    assert " data/mini/dev_enrolls exp/mini/mcadams/undone/dev_trials_f_mcadams " in score
    [embed] = [line for line in shown if line.endswith(" exp/mini/asv/mcadams/undone")]
    assert "--model exp/mini/attacker/original" in embed and "undone/test_trials_m_mcadams" in embed
    assert "_enrolls" not in embed  # whose embeddings are there


def test_back_end_and_informed_attacker() -> None:
    chosen = ("--dry-run", "--stage", "asv", "--stop-stage", "utility")
    usual = run(*chosen).stdout
    # A PLDA of original speech for the distinctiveness of voices; scores are cosines.
    assert usual.count("steps/train_plda.py") == 1 and "--plda exp/mini/asv/original/plda data" in usual
    assert usual.count("steps/score_voices.py") == 2 and "score_trials.py --plda" not in usual
    assert (
        "--xvectors exp/mini/asv/pca_gmm/continued/informed" in usual
        and "--own-speech data/mini/train_pca_gmm" in usual
    )
    less = run(*chosen, "--set", "scoring.voices=false", "--set", "attacks.informed=false").stdout
    assert not any(word in less for word in ("train_plda", "score_voices", "subtract", "--attacker informed"))
    assert " data/mini/train " not in less.partition("train_recognizer")[0]  # not embedded without need
    plda = run(*chosen, "--set", "scoring.backend=plda").stdout.splitlines()
    scored = [line for line in plda if "steps/score_trials.py" in line]
    roots = [line.split("--xvectors ")[1].split()[0] for line in scored]
    assert [line.split("--plda ")[1].split()[0] for line in scored] == [f"{root}/plda" for root in roots]
    trained = {line.split()[-1] for line in plda if "steps/train_plda.py" in line}
    assert trained == {f"{root}/plda" for root in roots}


def test_recognisers() -> None:
    asr = ("--stage", "asr", "--stop-stage", "asr", "--system", "pca_gmm")
    once = ["decode_speech.py", "score_wer.py"]
    assert steps_shown(*asr) == ["train_recognizer.py", *once, *once]
    retrained = steps_shown(*asr, "--set", "recognizer.retrained=true")
    assert retrained == ["train_recognizer.py", *once, *once, "train_recognizer.py", *once]
    assert steps_shown(*asr, "--set", "use.asr=wav2vec2_960h") == ["import_recognizer.py", *once, *once]
    tuned = run("--dry-run", *asr, "--set", "use.asr=wav2vec2_960h", "--set", "recognizer.retrained=true").stdout
    assert "--initial exp/mini/recognizer/original data/mini/train_pca_gmm exp/mini/recognizer/pca_gmm" in tuned
    shown = run("--dry-run", "--stage", "synthesize", "--stop-stage", "synthesize", "--system", "resynthesis")
    assert "data/mini/train " not in shown.stdout
    more = run(
        "--dry-run", "--stage", "synthesize", "--stop-stage", "synthesize", "--system", "resynthesis",
        "--set", "recognizer.retrained=true",
    )  # fmt: skip
    assert "data/mini/train " in more.stdout, "what a recogniser is trained on must have been anonymized"


def test_emotion_and_speed_where_asked_for() -> None:
    utility = ("--stage", "utility", "--stop-stage", "utility", "--system", "pca_gmm")
    usual = steps_shown(*utility)
    assert "score_emotion.py" not in usual and "measure_speed.py" not in usual
    asked = steps_shown(*utility, "--set", "sets.emotion=[moods]", "--set", "speed.durations=[5]")
    assert [name for name in asked if name not in usual] == ["score_emotion.py", "measure_speed.py"]


def test_system_of_one_step_needs_no_models_and_original_is_no_system() -> None:
    own = ("--recipe", "own", "--set", "data.folder=/my/wavs", "--system", "original,mcadams")
    shown = run("--dry-run", *own)
    assert shown.returncode == 0 and "original: the speech as it is, no system to run" in shown.stderr
    assert steps_shown(*own)[:2] == ["local/prepare_folder.py", "anonymize_mcadams.py"]
    [line] = [line for line in shown.stdout.splitlines() if "anonymize_mcadams" in line]
    assert "--config exp/own/mcadams/config.yaml" in line
    assert line.endswith("--suffix mcadams data/own/recordings data/own")
    both = steps_shown("--system", "mcadams,pca_gmm", "--stage", "synthesize", "--stop-stage", "synthesize")
    assert both == ["anonymize_mcadams.py", "synthesize_speech.py"]
    first = steps_shown("--system", "mcadams,pca_gmm", "--stage", "xvector", "--stop-stage", "xvector")
    assert first == ["train_xvector.py"]


FOLDERS = ["/my/a & b", "$(touch pwned)", "`touch pwned`; touch pwned", "a*?[b]", 'it\'s "x" \\n', "DATA=x="]


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_set_stays_data(folder: str) -> None:
    shown = run("--recipe", "own", "--dry-run", "--stop-stage", "data", "--set", f"data.folder={folder}")
    assert shown.returncode == 0, shown.stderr
    [line] = [line for line in shown.stdout.splitlines() if line.startswith("$")]
    assert shlex.split(line)[2:5] == ["local/prepare_folder.py", folder, "data/own"]
    assert not (ROOT / "pwned").exists()


def test_readme_shows_the_stages_as_they_are() -> None:
    readme = (ROOT / "README.md").read_text()
    for line in run("--list").stdout.splitlines():
        number, name, description = line.split(maxsplit=2)
        assert f"| {number} | {name}: {description} |" in readme


def test_readme_shows_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "./run.sh " in readme and "tests/run.sh" in readme
