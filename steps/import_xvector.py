#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Take over an ECAPA-TDNN that SpeechBrain trained, as a speaker embedding: an extractor, or an attacker.

The model dir works wherever one of steps/train_xvector.py does: extract x-vectors with it, go on training from it
(steps/train_xvector.py --initial). Its features are SpeechBrain's, and its embeddings those that SpeechBrain computes.

Nothing is downloaded, and nothing in the folder is run: hyperparams.yaml is not read (the network's sizes are told from
the weights), and the weights are loaded as numbers alone.

Reads   a folder of SpeechBrain's, as EncoderClassifier.from_hparams loads it: embedding_model.ckpt and, if they are
        there, classifier.ckpt and label_encoder.txt (or .ckpt).
Writes  a model dir: model.json, weights.safetensors.

Example
    steps/import_xvector.py pretrained/spkrec-ecapa-voxceleb exp/voxceleb/xvector
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.models import speechbrain


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("folder", type=Path, help="SpeechBrain's folder of the model")
    parser.add_argument("out_dir", type=Path, help="the model dir")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    speechbrain.check_folder(args.folder)
    files = (speechbrain.EMBEDDING, speechbrain.CLASSIFIER, *speechbrain.LABELS)
    read = functools.cache(lambda: speechbrain.read_folder(args.folder))
    with stage.output(
        args,
        args.out_dir,
        settings={},
        inputs=[args.folder / name for name in files],
        seeded=False,
        torch_device=False,
        prepare=read,
    ) as out:
        if out is None:
            return
        from pseudovox.models import store

        network, hyperparameters, facts = read()
        store.save(out.path, network, kind="ecapa", hyperparameters=hyperparameters, facts=facts)
        out.counts.update(speakers=len(facts["speakers"]), parameters=sum(p.numel() for p in network.parameters()))


if __name__ == "__main__":
    sys.exit(main())
