#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train a vocoder of log-mel energies, for text to speech that makes these (system.options.tts.target=mel).

HiFi-GAN as for kNN voice conversion (system.options.vocoder; conf/vocoder has sizes), on two frames of 80 log-mel
energies every 20 ms. Speech that WORLD makes needs none.

Reads   data dirs.
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events.

Example
    steps/train_tts_vocoder.py --set use.vocoder=knnvc_cpu data/openspeech/dev-clean exp/openspeech/models/tts_vocoder
"""

from __future__ import annotations

import argparse
import copy
import shutil
import sys
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.sttts.options import Options
from pseudovox.config import Config
from pseudovox.core.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options)
    options.check()
    options.vocoder.check()
    if options.vocoder.source != "train":
        raise UsageError(f"system.options.vocoder.source {options.vocoder.source!r}: expected train")
    data = stage.load_data(args, reads=("utt2dur",))
    with stage.output(args, args.out_dir, settings=options.vocoder, inputs=[*data]) as out:
        if out is None:
            return
        from pseudovox.training import knn_vocoder

        frames = out.path / "frames"
        on_cores = copy.copy(args)
        on_cores.device, on_cores.force = "cpu", False

        def worker() -> Any:
            from pseudovox.training.text_to_speech import VocoderFramesWorker

            return VocoderFramesWorker

        stage.map_utterances(on_cores, data, frames, settings={}, worker=worker, arrays=knn_vocoder.ARRAYS)
        facts = stage.compute(
            args, out, knn_vocoder.train, data, frames, options.vocoder, {"features": "mel"}, args.seed, out.path
        )
        shutil.rmtree(frames)
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())
