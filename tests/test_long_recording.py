"""A long recording in bounded memory: 20 minutes of noise-like speech through what recipes/own does with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 1100  # MiB of a process: what torch takes, a block, and the recording some times over
RATE = 16000
# Prints the largest resident size of the process that ran a step, in MiB.
MEASURE = "import resource, runpy, sys\ntry: runpy.run_path(sys.argv[0], run_name='__main__')\nfinally: " \
    "print('MiB', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"  # fmt: skip


def memory(script: str, *arguments: object) -> int:
    """MiB that a step takes."""
    start = f"import sys; sys.argv = sys.argv[1:]\n{MEASURE}"
    command = [sys.executable, "-c", start, str(ROOT / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=1800)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split("MiB")[-1])


@pytest.mark.slow
def test_steps_on_twenty_minutes(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    draw = np.random.default_rng(1)
    with soundfile.SoundFile(tmp_path / "in" / "long.wav", "w", 48000, 2, "PCM_16") as file:
        for _ in range(20):
            noise = draw.standard_normal((60 * 48000, 1)).astype(np.float32)
            syllables = np.sin(2 * np.pi * 1.5 * np.arange(len(noise)) / 48000)[:, None] ** 2
            file.write(np.repeat(0.05 * noise * syllables, 2, 1))
    data = tmp_path / "data"
    for script, arguments in (
        ("local/prepare_folder.py", (tmp_path / "in", data)),
        ("steps/extract_f0.py", (data / "recordings", tmp_path / "f0")),
        ("steps/anonymize_mcadams.py", ("--device", "cpu", data / "recordings", data)),
        ("steps/publish_speech.py", ("--system", "mcadams", data / "recordings", tmp_path / "out")),
    ):
        assert memory(script, *arguments) < LARGEST, script
    assert soundfile.info(tmp_path / "out/recordings/long.wav").frames == 20 * 60 * 48000
