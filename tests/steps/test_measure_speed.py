"""steps/measure_speed.py on small random models: every row, its parts, and the machine."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import torch

from pseudovox.data.datadir import DataDir
from pseudovox.models import store
from pseudovox.records import read_records
from pseudovox.report import tables

Program = Callable[..., subprocess.CompletedProcess[str]]
MODELS = {
    "xvector": (
        {"features": 30, "channels": [8, 8, 8, 8, 8], "embedding": 6, "speakers": 2},
        {"features": {"kind": "mfcc"}, "speakers": ["a", "b"]},
    ),
    "bottleneck": (
        {
            "bins": 20, "channels": 8, "factor": 0, "dilations": [1], "dimension": 6, "stride": 2, "tail": 1,
            "phones": 3, "codes": 0,
        },
        {"floor_decibels": 45.0, "frame_shift_seconds": 0.02, "stride": 2},
    ),
    "synthesizer": (
        {
            "bottleneck": 6, "stride": 2, "xvector": 6, "envelope": 20, "aperiodicity": 1, "channels": 8, "kernel": 3,
            "dilations": [1], "speaker": 4,
        },
        {"bottleneck": 6, "stride": 2, "xvector": 6},
    ),
}  # fmt: skip


def test_rows(tiny_data: DataDir, program: Program) -> None:
    torch.manual_seed(0)
    options: list[object] = ["--system", "vq", "--device", "cpu"]
    for kind, (hyperparameters, facts) in MODELS.items():
        network = store.build(kind, hyperparameters)
        store.save(Path("models") / kind, network, kind=kind, hyperparameters=hyperparameters, facts=facts)
        options += [f"--{kind}", f"models/{kind}"]
    missing = program("steps/measure_speed.py", *options, "data/tiny", "exp/speed")
    assert missing.returncode == 2 and "--set speed.durations=[5,10,20,60]" in missing.stderr
    options += ["--set", "speed.durations=[0.5, 2]", "--set", "speed.repetitions=2", "--set", "speed.warm_ups=1"]
    options += ["--set", "speed.largest_batch=2"]
    done = program("steps/measure_speed.py", *options, "data/tiny", "exp/speed")
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(Path("exp/speed/speed.json").read_text())
    assert {row["seconds"] for row in found["rows"]} == {0.5, 2.0} and "cores" in found["machine"]["processor"]
    for row in found["rows"]:
        assert set(row["parts"]) == {"embed", "f0", "content", "synthesize"} and row["factor"] > 0
        assert row["low"] <= row["factor"] <= row["high"] and row["peak_mib"] > 50
    records = read_records(Path("exp/speed/results.json"))
    assert {"real_time_factor_0.5s_batch_1", "real_time_factor_2s_batch_1"} <= {record.metric for record in records}
    [table] = tables.report_tables(records)
    assert table.header[4:] == ["total", "embed", "f0", "content", "synthesize", "peak, MiB"]
    assert table.rows[0][:4] == ["vq", "cpu", "0.5", "1"]
    again = program("steps/measure_speed.py", *options, "data/tiny", "exp/speed")
    assert again.returncode == 0 and "done already" in again.stderr


def test_a_system_that_is_a_script_of_its_own(tiny_data: DataDir, program: Program) -> None:
    options = ["--system", "mcadams", "--device", "cpu", "--set", "speed.durations=[0.5, 2]"]
    options += ["--set", "speed.repetitions=2", "--set", "speed.warm_ups=1", "--set", "speed.largest_batch=1"]
    command = ["--command", "steps/anonymize_mcadams.py --suffix mcadams data/tiny made"]
    done = program("steps/measure_speed.py", *options, *command, "data/tiny", "exp/speed")
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(Path("exp/speed/speed.json").read_text())
    assert [(row["seconds"], list(row["parts"])) for row in found["rows"]] == [
        (0.5, ["anonymize_mcadams"]), (2.0, ["anonymize_mcadams"])
    ]  # fmt: skip
    assert all(row["factor"] > 0 and row["device"] == "cpu" for row in found["rows"])
    assert found["machine"] == found["machines"]["cpu"] and not Path("made").exists(), "nothing is anonymized"
    done = program("steps/measure_speed.py", *options, *command, "--xvector", "x", "data/tiny", "other")
    assert done.returncode == 2 and "or --command, not both" in done.stderr
