#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Take over FACodec's weights as its authors give them away: encoder, decoder, and, if it is there, redecoder.

ns3_facodec_encoder.bin, ns3_facodec_decoder.bin and ns3_facodec_redecoder.bin; sizes are told from the weights.
Nothing is downloaded here, and nothing in the files is run. `local/download.py FACODEC_ENCODER FACODEC_DECODER
FACODEC_REDECODER` fetches the published ones into torchaudio's cache, where they are looked for if no --weights are
given.

System `facodec` reads these files itself; a model dir is smaller, loads faster, and works wherever one of
steps/train_facodec.py does (system.options.codec.model).

Reads   the files.
Writes  a model dir, model.json and weights.safetensors, and redecoder/, a model dir in it.

Example
    steps/import_facodec.py --weights ~/facodec exp/facodec
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
    parser.add_argument("--weights", default="", metavar="DIR", help="folder of the files (in torchaudio's cache)")
    parser.add_argument("--no-redecoder", action="store_true", help="encoder and decoder alone")
    parser.add_argument("out_dir", type=Path, help="the model dir")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    from pseudovox.models import store
    from pseudovox.models.facodec import published

    paths = published.files_of(args.weights, redecoder=not args.no_redecoder)
    read = functools.cache(lambda: published.read(*paths[:2]))
    settings = {"redecoder": not args.no_redecoder}
    with stage.output(
        args, args.out_dir, settings=settings, inputs=paths, seeded=False, torch_device=False, prepare=read
    ) as out:
        if out is None:
            return
        network, hyperparameters, facts = read()
        store.save(out.path, network, kind="facodec", hyperparameters=hyperparameters, facts=facts)
        out.counts["parameters"] = sum(parameter.numel() for parameter in network.parameters())
        if len(paths) > 2:
            redecoder, hyperparameters, facts = published.read_redecoder(paths[2])
            folder = out.path / "redecoder"
            folder.mkdir(exist_ok=True)
            store.save(folder, redecoder, kind="facodec_redecoder", hyperparameters=hyperparameters, facts=facts)
            out.counts["redecoder_parameters"] = sum(parameter.numel() for parameter in redecoder.parameters())


if __name__ == "__main__":
    sys.exit(main())
