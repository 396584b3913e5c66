#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Extract an embedding of the emotion of every utterance, to be given to a synthesizer (stage embed).

The extractor is `system.options.emotion.extractor`: ser, a network that steps/train_emotion.py has trained (--model),
or wav2vec2, audeering's network, whose weights local/download.py WAV2VEC2_EMOTION_DIMENSIONS puts on this machine.
What such an embedding tells of the speaker is measured by steps/score_embedding_leak.py.

Reads   data dirs; the model dir of ser, and of the extractors whose features it takes.
Writes  <out-dir>/<data dir>/: emotion.{scp,1.ark,...}, float32 (dimension,) by utterance.

Example
    steps/extract_emotion.py --model exp/ravdess/models/emotion --bottleneck pretrained/openspeech/bottleneck \\
        data/ravdess/test_enrolls data/ravdess/test_trials_f exp/ravdess/emotion
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speech is analysed")
    parser.add_argument("--model", type=Path, help="model dir of steps/train_emotion.py, for the extractor ser")
    parser.add_argument("--xvector", type=Path, help="model dir of the x-vector extractor, if its features need it")
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor, likewise")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    from pseudovox.evaluation import emotion_embedding

    options = stage.own_options(config, emotion_embedding.SystemOptions, others=True).emotion
    options.check()
    data = stage.load_data(args, reads=())
    models = emotion_embedding.Models(args.xvector, args.bottleneck)
    needed: list[Path] = []
    if options.extractor == "ser" and args.model:
        kinds = emotion_embedding.features_of(args.model)
        needed = [args.model, *(model for model in map(models.of, kinds) if model)]
    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings={"extractor": options.extractor, "pitch": config.pitch},
        inputs=lambda _: [path / name for path in needed for name in ("model.json", "weights.safetensors")],
        worker=functools.partial(emotion_embedding.worker, options, config, args.model, models),
        arrays=("emotion",),
    )


if __name__ == "__main__":
    sys.exit(main())
