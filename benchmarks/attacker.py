#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""How fast an attacker is trained: hours of speech in a minute, and how long the VPC 2024's training would take here.

    python benchmarks/attacker.py                                       # conf/attacker/vpc2024.yaml
    python benchmarks/attacker.py --attacker spane --precision bf16-mixed
    PSEUDOVOX_DETERMINISTIC=0 PSEUDOVOX_COMPILE=1 python benchmarks/attacker.py      # (see training/fit.py)
    python benchmarks/attacker.py --data data/libri/train-clean-360     # your disk and your files

The training is the recipe's own (batches read from files, features, network, optimiser, Lightning), on noise unless
--data is given; the first updates, in which memory is found and kernels are chosen, are not counted. A CPU takes a
smaller batch, so that a few updates fit into the time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pseudovox import config as configuration  # noqa: E402
from pseudovox.core import machine  # noqa: E402
from pseudovox.data.audio import write_wav  # noqa: E402
from pseudovox.data.datadir import DataDir  # noqa: E402
from pseudovox.models import store  # noqa: E402
from pseudovox.stage.device import resolve_device  # noqa: E402
from pseudovox.training.chunks import SpeakerChunks  # noqa: E402
from pseudovox.training.fit import fit  # noqa: E402
from pseudovox.training.speaker import SpeakerLearner  # noqa: E402

HOURS, PASSES = 363, 10  # of LibriSpeech train-clean-360, as the VPC 2024 trains on it
SPEAKERS = 921


class Timed(SpeakerLearner):
    """Notes when updates end, and stops when there were enough."""

    ends: list[float]
    warm_up: int
    seconds: float

    def on_train_batch_end(self, *_: Any) -> None:
        self.ends.append(time.perf_counter())
        enough = len(self.ends) > self.warm_up + 1 and self.ends[-1] - self.ends[self.warm_up] > self.seconds
        if self.device.type == "cuda" and (enough or len(self.ends) == self.warm_up + 1):
            torch.cuda.synchronize()  # between the two, nobody waits for the GPU
            self.ends[-1] = time.perf_counter()
        if enough:
            self.trainer.should_stop = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attacker", default="vpc2024", help="conf/attacker/<name>.yaml (vpc2024)")
    parser.add_argument("--data", type=Path, help="a data dir to train on, at least 2 speakers (default: noise)")
    parser.add_argument("--seconds", type=float, default=30.0, help="measured, after the first updates (30)")
    parser.add_argument("--warm-up", type=int, default=0, help="updates before (20 on a GPU, 2 on a CPU)")
    parser.add_argument("--batch-size", type=int, default=0, help="(the configuration's; 16 on a CPU)")
    parser.add_argument("--workers", type=int, default=-1, help="processes that read (one per core but one)")
    parser.add_argument("--precision", default="", help="32-true, bf16-mixed, 16-mixed (the configuration's)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--json", type=Path, help="file for the figures as well")
    args = parser.parse_args()
    device = resolve_device(args.device)
    cores = machine.cores()
    blocks = [ROOT / "conf/default.yaml", configuration.block_file("attacker", args.attacker)]
    options = configuration.merge(blocks).attacker
    training = replace(
        options.training,
        epochs=0,
        updates=10**6,
        round_updates=10**6,
        keep="last",
        batch_size=args.batch_size or (16 if device == "cpu" else options.training.batch_size),
        precision=args.precision or options.training.precision,
        workers=cores - 1 if args.workers < 0 else args.workers,
        threads=cores,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = DataDir.load(args.data) if args.data else noise(folder)
        source = SpeakerChunks([data], options, training.batch_size, 1, None)
        hyperparameters = {**options.hyperparameters(), "speakers": max(SPEAKERS, len(source.speakers))}
        learner = Timed(store.build(options.kind, hyperparameters), training, 1, options)
        learner.ends, learner.seconds = [], args.seconds
        learner.warm_up = args.warm_up or (20 if device == "cuda" else 2)
        fit(learner, source, folder / "model", device=device)
    steps = np.diff(learner.ends[learner.warm_up :])
    rate = training.batch_size * options.chunk_max * len(steps) / steps.sum()  # seconds of speech in a second
    hours_in_a_minute = rate * 60 / 3600
    projected = HOURS * PASSES / hours_in_a_minute / 60
    print(f"machine      {platform.processor() or platform.machine()}, {cores} cores, {machine.memory()}")
    print(f"             load {os.getloadavg()[0]:.1f} at the end; torch {machine.torch_line()[2]}")
    print(f"training     {args.attacker}: {options.kind} {options.channels}, batch {training.batch_size} x "
          f"{options.chunk_max:g} s, {training.precision}, {training.workers} readers")  # fmt: skip
    print(f"measured     {len(steps)} updates in {steps.sum():.1f} s (median {1000 * median(steps):.0f} ms)")
    print(f"throughput   {hours_in_a_minute:.3f} hours of speech per minute ({rate:.0f} times real time)")
    print(f"projected    {projected:.2f} hours for {HOURS} h of speech x {PASSES} passes, validation not counted")
    if args.json:
        memory = round(torch.cuda.max_memory_allocated() / 2**20) if device == "cuda" else None
        told = {
            "attacker": args.attacker, "precision": training.precision, "batch": training.batch_size,
            "updates": len(steps), "milliseconds": float(1000 * steps.mean()), "hours_a_minute": hours_in_a_minute,
            "projected_hours": projected, "gpu_mib": memory, "readers": training.workers,
        }  # fmt: skip
        args.json.write_text(json.dumps(told, indent=1) + "\n")


def noise(folder: Path, speakers: int = 16, utterances: int = 4, seconds: float = 12.0) -> DataDir:
    """A data dir of wave files, as long as LibriSpeech's utterances are on average."""
    draw = np.random.default_rng(0)
    tables: dict[str, dict[str, str]] = {table: {} for table in ("wav.scp", "utt2spk", "utt2dur", "spk2gender")}
    for number in range(speakers):
        speaker = f"s{number:02d}"
        tables["spk2gender"][speaker] = "fm"[number % 2]
        for place in range(utterances):
            path = folder / f"{speaker}-{place}.wav"
            write_wav(path, 0.1 * draw.standard_normal(int(seconds * 16000)))
            tables["wav.scp"][path.stem], tables["utt2spk"][path.stem] = str(path), speaker
            tables["utt2dur"][path.stem] = f"{seconds}"
    return DataDir(folder / "noise", tables)


if __name__ == "__main__":
    main()
