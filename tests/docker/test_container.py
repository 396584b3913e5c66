"""Dockerfile, compose file and install steps agree; no container engine is needed, nor used."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LINES = (ROOT / "Dockerfile").read_text().splitlines()
INSTRUCTIONS = [line.split(maxsplit=1) for line in LINES if line and not line.startswith("#")]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
IGNORED = (ROOT / ".dockerignore").read_text().split("\n")


def of(instruction: str) -> list[str]:
    return [value for name, value in INSTRUCTIONS if name == instruction]


def settings() -> dict[str, str]:
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in of("ENV"))}


def test_the_image_is_built_by_the_install_steps_and_checked() -> None:
    assert {name for name, _ in INSTRUCTIONS} <= {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "ARG", "USER", "CMD"}
    assert not [value for _, value in INSTRUCTIONS if value.endswith("\\")], "run_in_chroot.sh reads whole lines"
    *installs, check = of("RUN")
    assert check == "./run.sh --check"
    steps = re.findall(r"^  (\w+)\)$", (ROOT / "docker/install.sh").read_text(), re.MULTILINE)
    assert [install.split()[:2] for install in installs] == [["docker/install.sh", step] for step in steps]
    named = [value.split()[2] for value in of("FROM")]
    bases = [base for base in (value.split()[0] for value in of("FROM")) if base not in named]
    assert bases and all(re.search(r":\d+\.\d+[\w.-]*$", base) for base in bases), "a base by its version"


def test_it_runs_as_a_user_without_privileges_and_holds_no_secret() -> None:
    assert of("USER") == ["1000:1000"] and "--uid 1000 " in (ROOT / "docker/install.sh").read_text()
    order = [name for name, _ in INSTRUCTIONS]
    assert order.index("USER") < max(at for at, name in enumerate(order) if name == "RUN"), "checked as that user"
    text = (ROOT / "Dockerfile").read_text() + (ROOT / "docker/install.sh").read_text() + str(COMPOSE)
    assert not re.search(r"passwd=|password|secret|token|chpasswd|sudo", text, re.IGNORECASE)
    assert settings()["LD_LIBRARY_PATH"] == ""


def test_what_is_copied_is_there_and_suffices_for_the_environment() -> None:
    own = [value.split() for value in of("COPY") if not value.startswith("--from")]
    sources = [source for words in own for source in words[:-1]]
    assert not [source for source in sources if not (ROOT / source).exists()]
    # What utils/install.sh and the package's metadata read.
    assert {"pyproject.toml", "constraints.txt", "README.md", "utils/install.sh", "docker/install.sh"} <= set(sources)
    assert "pseudovox/__init__.py" in sources
    assert settings()["PSEUDOVOX_PYTHON"] == f"{settings()['PSEUDOVOX_VENV']}/bin/python"
    assert f"--from=environment {settings()['PSEUDOVOX_VENV']} {settings()['PSEUDOVOX_VENV']}" in of("COPY")


def test_services_share_all_but_the_gpu() -> None:
    cpu, gpu = COMPOSE["services"]["cpu"], dict(COMPOSE["services"]["gpu"])
    (device,) = gpu.pop("deploy")["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert cpu == gpu and set(COMPOSE["services"]) == {"cpu", "gpu"}
    assert cpu["user"] == "${PSEUDOVOX_UID:-1000}:${PSEUDOVOX_GID:-1000}"
    variables = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    assert not [name for name in variables if name not in (ROOT / "docker/README.md").read_text()]


def test_mounted_folders_are_the_tools_own_and_never_sent_to_the_build() -> None:
    (workdir,) = of("WORKDIR")
    mounts = dict(volume.rsplit(":", 1)[::-1] for volume in COMPOSE["services"]["cpu"]["volumes"])
    assert mounts.pop(workdir) == "."
    assert mounts.pop(settings()["HOME"]) == "cache" and "cache" in COMPOSE["volumes"]
    assert set(mounts) == {f"{workdir}/{folder}" for folder in ("corpora", "data", "exp")}
    for target, source in mounts.items():
        folder = Path(target).name
        assert source == f"${{PSEUDOVOX_{folder.upper()}:-./{folder}}}"
        assert folder in IGNORED
    kept = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if re.match(r"/[\w.]+/?$", line)]
    assert not [name for name in [*kept, ".git", ".env"] if name not in IGNORED]


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose is not installed")
def test_docker_compose_reads_it() -> None:
    shown = subprocess.run(["docker-compose", "config"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stderr
    read = yaml.safe_load(shown.stdout)["services"]
    assert read["gpu"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
    assert read["cpu"]["user"] == "1000:1000"


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if not hadolint:
        pytest.skip("hadolint is not installed (utils/install.sh dev)")
    command = [hadolint, "--format", "json", "Dockerfile"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert json.loads(found.stdout) == [], found.stdout


def test_install_says_what_it_does() -> None:
    said = subprocess.run(["bash", "docker/install.sh", "everything"], cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 2 and "environment [extra]" in said.stderr
