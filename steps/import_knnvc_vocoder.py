#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Take over a vocoder in the layout of kNN-VC's authors: HiFi-GAN on layer 6 of WavLM Large.

Their prematch_g_02500000.pt (trained on matched features) and g_02500000.pt (--regular, on features of the speech
itself), or a checkpoint of a training with their code. The model dir works wherever one of
steps/train_knnvc_vocoder.py does. Sizes are told from the weights; rates are taken to be half the kernels of the
transposed convolutions, and dilations 1, 3, 5, as published. Lengths and directions of weight norm, in torch's old
layout or its new one, are multiplied out.

Nothing is downloaded here, and nothing in the file is run. `local/download.py KNNVC_HIFIGAN_PREMATCHED` fetches the
published file into torchaudio's cache, where it is looked for if no --weights are given.

Reads   the checkpoint.
Writes  a model dir: model.json, weights.safetensors.

Example
    steps/import_knnvc_vocoder.py --weights prematch_g_02500000.pt exp/libri/models/knnvc
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--weights", default="", metavar="FILE", help="the checkpoint (in torchaudio's cache)")
    parser.add_argument("--regular", action="store_true", help="trained on features that were not matched")
    parser.add_argument("out_dir", type=Path, help="the model dir")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    from pseudovox.models import knnvc_published, store

    path = knnvc_published.file_of(args.weights, prematched=not args.regular)
    read = functools.cache(lambda: knnvc_published.read(path, prematched=not args.regular))
    with stage.output(
        args,
        args.out_dir,
        settings={"prematched": not args.regular},
        inputs=[path],
        seeded=False,
        torch_device=False,
        prepare=read,
    ) as out:
        if out is None:
            return
        network, hyperparameters, facts = read()
        store.save(out.path, network, kind="feature_hifigan", hyperparameters=hyperparameters, facts=facts)
        out.counts["parameters"] = sum(parameter.numel() for parameter in network.parameters())


if __name__ == "__main__":
    sys.exit(main())
