#!/usr/bin/env python3
"""Train the content extractor (stage bottleneck).

A convolutional TDNN-F from log-mel frames to phones, with a narrow layer, quantised to a few dozen codes unless
bottleneck.codes is 0. Section `bottleneck` of the configuration says its size and training.

Reads   data dirs with phones.ctm (frame cross-entropy), or with text alone (CTC on espeak-ng's phones of it).
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events.

Example
    steps/train_bottleneck.py data/mini/train exp/mini/models/bottleneck
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.datadir import DataDir
from pseudovox.errors import DataError


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("data_dirs", nargs="+", type=Path)
    parser.add_argument("out_dir", type=Path)
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = [DataDir.load(path) for path in args.data_dirs]
    for part in data:
        if not part.phones and "text" not in part.tables:
            raise DataError(f"{part.path}: the content extractor learns from phones.ctm or text; there is neither")
    with stage.output(args, args.out_dir, settings=config.bottleneck, inputs=args.data_dirs) as out:
        if out is None:
            return
        from pseudovox.augment import augment
        from pseudovox.training import bottleneck

        if args.limit:
            data = [part.subset(part.utterances[: args.limit]) for part in data]
        facts = bottleneck.train(data, config.bottleneck, args.seed, out.path, device=args.device, augment=augment)
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())
