"""./run.sh --check: what it says of a machine and of a recipe, and its exit code."""

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from packaging.specifiers import SpecifierSet

from pseudovox.core import machine

ROOT = Path(__file__).resolve().parents[2]
Printed = pytest.CaptureFixture[str]


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """utils/check_setup.py as a module; torch is not asked, which would take seconds."""
    spec = importlib.util.spec_from_file_location("check_setup", ROOT / "utils/check_setup.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(machine, "torch_line", lambda: ("ok", "torch", "2.11.0, on the CPU"))
    return module


def test_front_door(tmp_path: Path) -> None:
    environment = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable}
    command = [str(ROOT / "run.sh"), "--check", "--data-dir", str(tmp_path / "d"), "--exp-dir", str(tmp_path / "e")]
    shown = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    lines = [line[11:23].strip() for line in shown.stdout.splitlines() if line.startswith("  ")]
    assert {"cores", "memory", "disk, data", "disk, exp", "GPU", "python", "torch", "models"} <= set(lines)
    assert "recipe mini has what it needs" in shown.stdout and list(tmp_path.iterdir()) == []
    nowhere = subprocess.run(command, capture_output=True, text=True, env={**environment, "PSEUDOVOX_PYTHON": "/nope"})
    assert nowhere.returncode == 2 and "no Python at '/nope' (PSEUDOVOX_PYTHON)" in nowhere.stderr


def test_what_a_recipe_lacks_is_told_with_its_hint(setup: ModuleType, tmp_path: Path, capsys: Printed) -> None:
    options = ["--recipe", "own", "--data-dir", str(tmp_path / "d"), "--exp-dir", str(tmp_path / "e")]
    assert setup.main([*options, "--set", f"models={tmp_path}/m"]) == 4
    shown = capsys.readouterr().out
    assert "MISSING  recordings   no folder was given" in shown and "hint: --set data.folder=" in shown
    assert f"not in {tmp_path}/m: xvector, bottleneck, synthesizer, pseudo/pca_gmm" in shown
    for name in ("xvector", "bottleneck", "synthesizer", "pseudo/pca_gmm"):
        (tmp_path / "m" / name).mkdir(parents=True)
        (tmp_path / "m" / name / ("pseudo.json" if "/" in name else "model.json")).touch()
    assert setup.main([*options, "--set", f"models={tmp_path}/m", "--set", f"data.folder={tmp_path}/nowhere"]) == 4
    assert f"{tmp_path}/nowhere is no folder" in capsys.readouterr().out
    assert setup.main([*options, "--set", f"models={tmp_path}/m", "--set", f"data.folder={tmp_path}"]) == 0
    (tmp_path / "d/recordings").mkdir(parents=True)
    (tmp_path / "d/recordings/wav.scp").touch()  # made already: the recordings are not needed any more
    assert setup.main([*options, "--set", f"models={tmp_path}/m"]) == 0


def test_system_of_one_step_needs_no_models(setup: ModuleType, tmp_path: Path, capsys: Printed) -> None:
    options = ["--recipe", "own", "--data-dir", str(tmp_path / "d"), "--exp-dir", str(tmp_path / "e")]
    options += ["--set", f"models={tmp_path}/m", "--set", f"data.folder={tmp_path}"]
    assert setup.main([*options, "--system", "original,mcadams"]) == 0
    assert "ok       models       none needed: mcadams" in capsys.readouterr().out
    assert setup.main([*options, "--system", "mcadams,pca_gmm"]) == 4


def test_wrong_configuration_and_folders(setup: ModuleType, tmp_path: Path, capsys: Printed) -> None:
    assert setup.main(["--set", "sed=3"]) == 2
    assert (
        "WRONG    recipe       --set sed=3: unknown key 'sed'; the nearest valid key is 'seed'"
        in capsys.readouterr().out
    )
    assert setup.main(["--recipe", "minni"]) == 2
    assert "there are: " in capsys.readouterr().out
    (tmp_path / "file").touch()
    assert setup.main(["--data-dir", str(tmp_path / "file/data")]) == 4
    assert "is a file, not a folder" in capsys.readouterr().out


def test_environment(setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    assert machine.dependencies() <= machine.constraints().keys() and "torch" in machine.dependencies()
    known = machine.constraints()
    monkeypatch.setattr(
        machine, "installed", lambda name: {"jiwer": None, "torch": "2.11.0+cpu", "tqdm": "1.0"}.get(name, known[name])
    )
    assert setup.main([]) == 4
    shown = capsys.readouterr().out
    assert "MISSING  packages     not installed: jiwer\n" in shown and "hint: utils/install.sh" in shown
    assert f"note     packages     other versions than pinned: tqdm 1.0 (pinned: {known['tqdm']})\n" in shown
    monkeypatch.setattr(machine, "installed", lambda name: None)
    assert setup.main([]) == 4
    assert "MISSING  packages     none: the environment is not made yet\n" in capsys.readouterr().out


def test_what_is_pinned_can_be_had_for_the_least_python() -> None:
    least = ".".join(map(str, machine.LEAST_PYTHON))
    for name, said in (
        ("pyproject.toml", f'requires-python = ">={least}"'),
        ("README.md", f"Python {least} or later"),
        ("utils/install.sh", f"needs Python {least} or later"),
        ("utils/install.sh", f"sys.version_info < {machine.LEAST_PYTHON}"),
        ("utils/run_functions.sh", f"Python {least} or later"),
    ):
        assert said in (ROOT / name).read_text(encoding="utf-8"), f"{name} says otherwise"
    asked = {
        one: importlib.metadata.metadata(one).get("Requires-Python")
        for one in machine.constraints()
        if machine.installed(one)
    }
    too_new = [one for one, wanted in asked.items() if wanted and f"{least}.0" not in SpecifierSet(wanted)]
    assert len(asked) > 50 and not too_new


def test_broken_torch_is_no_traceback(monkeypatch: pytest.MonkeyPatch, setup: ModuleType) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "torch", None)
    status, _, found, hint = machine.torch_line()
    assert status == "MISSING" and "cannot be imported: ModuleNotFoundError" in found and "rm -r .venv" in hint


def test_gpu_that_torch_cannot_use(setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(machine, "gpu", lambda: ("ok", "GPU", "an old one"))
    monkeypatch.setitem(sys.modules, "torchaudio", ModuleType("torchaudio"))
    torch = ModuleType("torch")
    torch.__version__, torch.cuda = "2.11.0", SimpleNamespace(is_available=lambda: False)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert machine.torch_line()[:3] == ("note", "torch", "2.11.0, on the CPU: it cannot use the GPU that is there")


def test_gpu(setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    tool.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771 MiB, 570.86.10'\n")
    tool.chmod(0o755)
    assert machine.gpu() == ("ok", "GPU", "NVIDIA H200, 143771 MiB (driver 570.86.10)")
    tool.write_text("#!/bin/sh\necho 'Failed to initialize NVML'; exit 9\n")
    assert machine.gpu()[0] == "note"
    monkeypatch.setenv("PATH", "")
    assert "no nvidia-smi" in machine.gpu()[2]


def test_weights_of_others(setup: ModuleType, tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    options = ["--data-dir", str(tmp_path / "d"), "--exp-dir", str(tmp_path / "e"), "--set", "use.asr=wav2vec2_960h"]
    assert setup.main(options) == 4
    shown = capsys.readouterr().out
    assert "MISSING  recogniser" in shown and "local/download.py WAV2VEC2_ASR_LARGE_LV60K_960H" in shown
    file = tmp_path / "cache/hub/checkpoints/wav2vec2_fairseq_large_lv60k_asr_ls960.pth"
    file.parent.mkdir(parents=True)
    file.touch()
    assert setup.main(options) == 0 and f"WAV2VEC2_ASR_LARGE_LV60K_960H: {file}" in capsys.readouterr().out
