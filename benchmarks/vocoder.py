#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""What the neural vocoders cost and learn, against WORLD, on the models and speech of a run of recipes/mini.

    python benchmarks/vocoder.py train harmonic_noise --seconds 150   # losses before and after, updates per second
    python benchmarks/vocoder.py train hifigan_mini --seconds 180
    python benchmarks/vocoder.py speed                                # seconds of synthesis per second of speech

It needs data/mini/train, exp/mini/models/{bottleneck,synthesizer} and exp/mini/xvectors (or --data, --exp), and
keeps what it makes in --work, where `speed` finds what was trained. One thread; seconds are CPU seconds of this
process, which other load disturbs least; wall time stands beside.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pseudovox import config as configuration  # noqa: E402
from pseudovox.components.synthesis import Synthesizer  # noqa: E402
from pseudovox.data.archive import read_scp, write_arrays  # noqa: E402
from pseudovox.data.augment import augment  # noqa: E402
from pseudovox.data.datadir import DataDir  # noqa: E402
from pseudovox.models import store  # noqa: E402
from pseudovox.stage.parallel import Utterance  # noqa: E402
from pseudovox.training import vocoder  # noqa: E402
from pseudovox.training.synthesizer import FramesWorker  # noqa: E402

WORLD = "synthesizer"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "speed"))
    parser.add_argument("block", nargs="?", default="harmonic_noise", help="of conf/synthesizer")
    parser.add_argument("--seconds", type=float, default=150.0, help="CPU seconds of training")
    parser.add_argument("--utterances", type=int, default=200, help="of the training speech")
    parser.add_argument("--data", type=Path, default=Path("data/mini/train"))
    parser.add_argument("--exp", type=Path, default=Path("exp/mini"))
    parser.add_argument("--work", type=Path, default=Path("exp/benchmark_vocoder"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    data = DataDir.load(args.data)
    data = data.subset(data.utterances[:: max(1, len(data.utterances) // args.utterances)])
    if args.what == "train":
        train(args, data)
    else:
        speed(args, data)


def frames_of(args: argparse.Namespace, data: DataDir, pitch: configuration.F0) -> Path:
    """F0, content and speech of the training utterances, made once."""
    folder = Path(args.work / "frames" / data.name)
    if not (folder / "altered.scp").exists():
        folder.mkdir(parents=True, exist_ok=True)
        worker = FramesWorker(args.exp / "models/bottleneck", pitch, 0, 1, augment)
        found = {utt.id: arrays for utt, arrays in worker.process([Utterance(data, utt) for utt in data.utterances])}
        for name in vocoder.ARRAYS:
            write_arrays(folder, name, {utt: arrays[name] for utt, arrays in found.items()})
    return args.work / "frames"


def train(args: argparse.Namespace, data: DataDir) -> None:
    """Train for so many CPU seconds; the validation loss at the start and at the end."""
    config = configuration.compose("mini", None, [f"use.synthesizer={args.block}"])
    frames = frames_of(args, data, config.f0)
    stride = int(
        store.read_card(args.exp / "models/bottleneck", *store.content_extractors())["hyperparameters"]["stride"]
    )
    given = (frames, args.exp / "xvectors")

    def run(updates: int, name: str) -> tuple[dict[str, Any], float]:
        training = replace(config.synthesizer.training, updates=updates, threads=1)
        options = replace(config.synthesizer, training=training)
        started = time.process_time()
        facts = vocoder.train([data], *given, options, stride, 1, args.work / name, device="cpu")
        return facts["validation"], time.process_time() - started

    few = 5
    _, overhead = run(1, f"{args.block}_1")
    before, seconds = run(few + 1, f"{args.block}_few")
    each = max((seconds - overhead) / few, 1e-3)
    updates = max(10, int(args.seconds / each))
    updates = min(updates, config.synthesizer.training.updates)
    wall = time.perf_counter()
    after, seconds = run(updates, args.block)
    wall = time.perf_counter() - wall
    print(
        f"{args.block}: {len(data.utterances)} utterances, {updates} updates in {seconds:.0f} s CPU, {wall:.0f} s wall"
    )
    print(f"held out: {before} after {few + 1} updates, {after} at the end")


def speed(args: argparse.Namespace, data: DataDir) -> None:
    """Seconds of synthesis per second of speech, for every model there is."""
    config = configuration.compose("mini")
    archives = {name: read_scp(frames_of(args, data, config.f0) / data.name / f"{name}.scp") for name in vocoder.ARRAYS}
    xvectors = read_scp(args.exp / "xvectors" / data.name / "xvector.scp")
    models = {"world": args.exp / "models" / WORLD} | {
        path.parent.name: path.parent for path in sorted(args.work.glob("*/model.json"))
    }
    some = data.utterances[:30]
    seconds_of_speech = sum(len(archives["wave"][utt]) for utt in some) / 16000
    for name, model in models.items():
        if name.endswith(("_1", "_few")):
            continue
        synthesizer = Synthesizer(model, config.synthesis, 1)

        def speak(utterances: list[str], synthesizer: Synthesizer = synthesizer) -> np.ndarray:
            inputs = ((archives["content"][utt], archives["f0"][utt], xvectors[utt], utt) for utt in utterances)
            return np.concatenate([
                synthesizer(content, contour, voice, len(archives["wave"][utt]), utt)
                for content, contour, voice, utt in inputs
            ])  # fmt: skip

        speak(some[:2])
        cpu, wall = time.process_time(), time.perf_counter()
        speak(some)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(f"{name:20} real-time factor {cpu / seconds_of_speech:.4f} (CPU), {wall / seconds_of_speech:.4f} (wall)")


if __name__ == "__main__":
    main()
