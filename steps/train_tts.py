#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train text to speech: acoustic frames from phones, their prosody and a voice (stage synthesizer).

A network in the manner of FastSpeech 2 learns from speech whose phones are aligned; section system.options.tts has its
sizes (conf/tts) and says what it makes: WORLD's frames, or log-mel energies for a vocoder. The voice is an x-vector;
with --emotion an embedding of the emotion of each utterance is heard beside it. What is slow, F0 and
WORLD's analysis, is computed first, by all jobs.

Reads   data dirs; <alignment>/<data dir>/alignment.scp (steps/align_phones.py) of those without phones.ctm;
        <xvectors>/<data dir>/xvector.scp (steps/extract_xvectors.py); with --emotion
        <emotion>/<data dir>/emotion.scp, an embedding of every utterance.
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events. model.json tells under
        facts.validation of held-out utterances: mel_cepstral_distortion (decibels) or mel_error, duration_error
        (frames).

Example
    steps/train_tts.py --config exp/openspeech/sttts/config.yaml --alignment exp/openspeech/alignment \\
        --xvectors exp/openspeech/xvectors data/openspeech/dev-clean exp/openspeech/models/tts
"""

from __future__ import annotations

import argparse
import copy
import functools
import shutil
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.sttts.options import Options
from pseudovox.config import Config
from pseudovox.data.archive import read_scp


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    parser.add_argument("--alignment", type=Path, help="root of <data dir>/alignment.scp, for those without phones.ctm")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the training speech's x-vectors")
    parser.add_argument("--emotion", type=Path, help="root of the embeddings of emotion (a system with an emotion)")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options)
    options.check()
    own = options.tts
    data = stage.load_data(args)
    aligned = [args.alignment / part.name for part in data if args.alignment and not part.lists.get("phones.ctm")]
    emotions = [args.emotion / part.name for part in data] if args.emotion else []
    for folder, name in [
        *((folder, "alignment") for folder in aligned),
        *((args.xvectors / part.name, "xvector") for part in data),
        *((folder, "emotion") for folder in emotions),
    ]:
        read_scp(folder / f"{name}.scp")
    coefficients = own.coefficients if own.target == "world" else 0
    settings = {"tts": own, "f0": config.f0.extraction(), "emotion": args.emotion is not None}
    inputs: list[Any] = [*data, *aligned, *(args.xvectors / part.name for part in data), *emotions]
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs) as out:
        if out is None:
            return
        from pseudovox.training import text_to_speech

        frames = out.path / "frames"
        on_cores = copy.copy(args)
        on_cores.device, on_cores.force = "cpu", False
        stage.map_utterances(
            on_cores,
            data,
            frames,
            settings={"f0": config.f0.extraction(), "coefficients": coefficients},
            worker=lambda: functools.partial(text_to_speech.FramesWorker, config.f0, coefficients),
            arrays=text_to_speech.ARRAYS,
        )
        facts = stage.compute(
            args, out, text_to_speech.train, data, args.alignment, frames, args.xvectors,
            args.emotion, own, args.seed, out.path,
        )  # fmt: skip
        shutil.rmtree(frames)
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())
