#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the synthesizer (stage synthesizer).

From bottleneck features, F0, voicing and a voice to speech: by the spectral envelope and aperiodicity of WORLD, which
makes the waveform (synthesizer.kind world), or by a neural vocoder (harmonic_noise, hifigan, nsf_hifigan). The voice is
an x-vector, or which of the training speakers it is (synthesizer.speaker_input one-hot). Sections `synthesizer` and
`f0` of the configuration say sizes, training and the range of F0. F0, targets and bottlenecks are first computed by
--nj processes on CPU cores, into a folder that goes when training ends.

Reads   data dirs; the model dir of steps/train_bottleneck.py; <xvectors>/<data dir>/xvector.scp (not for one-hot).
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events.

Example
    steps/train_synthesizer.py --bottleneck exp/mini/models/bottleneck --xvectors exp/mini/xvectors \\
        data/mini/train exp/mini/models/synthesizer
"""

from __future__ import annotations

import argparse
import copy
import functools
import shutil
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Alteration, Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir.selection import per_speaker
from pseudovox.models import store


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    parser.add_argument("--bottleneck", type=Path, required=True, help="model dir of the content extractor")
    parser.add_argument("--xvectors", type=Path, help="root of the training speech's x-vectors (not for one-hot)")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = config.synthesizer
    if options.alter.speed:
        raise UsageError(
            f"synthesizer.alter.speed {options.alter.speed}: expected 0, since content and target must last alike"
        )
    data = stage.load_data(args)
    if options.most_of_speaker:
        data = [part.subset(per_speaker(part, options.most_of_speaker)) for part in data]
    card = store.read_card(args.bottleneck, *store.content_extractors())
    settings = {"synthesizer": options, "f0": config.f0.extraction()}
    inputs = [*data, args.bottleneck]
    if options.speaker_input == "xvector":
        if args.xvectors is None:
            raise UsageError("--xvectors is needed where synthesizer.speaker_input is xvector")
        for part in data:
            read_scp(args.xvectors / part.name / "xvector.scp")
        inputs += [args.xvectors / part.name for part in data]
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs) as out:
        if out is None:
            return
        from pseudovox.data.augment import augment
        from pseudovox.training.synthesizer import FramesWorker

        learner = options.load()
        on_cores = copy.copy(args)
        on_cores.device, on_cores.force = "cpu", False
        frames = out.path / "frames"
        stage.map_utterances(
            on_cores,
            data,
            frames,
            settings=settings,
            worker=lambda: functools.partial(
                FramesWorker,
                args.bottleneck,
                config.f0,
                getattr(options, "coefficients", 0),
                args.seed,
                augment if options.augmented else None,
                options.alter if options.alter != Alteration.none() else None,
            ),
            arrays=learner.ARRAYS,
            seeded=True,
        )
        stride = int(card["hyperparameters"]["stride"])
        facts = stage.compute(
            args, out, learner.train, data, frames, args.xvectors, options, stride, args.seed, out.path
        )
        shutil.rmtree(frames)
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())
