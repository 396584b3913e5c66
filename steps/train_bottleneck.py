#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the content extractor (stage bottleneck).

A convolutional TDNN-F from log-mel frames, or from what a wav2vec 2.0 model makes of the speech (bottleneck.front_end),
to phones, with a narrow layer, quantised to a few dozen codes unless bottleneck.codes is 0. Section `bottleneck` of the
configuration says its size and training.

Reads   data dirs with phones.ctm (frame cross-entropy), or with text alone (CTC on espeak-ng's phones of it); or of any
        kind with what steps/align_phones.py (phones) and steps/extract_teacher.py (Whisper's encoder) made of them.
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events.

Example
    steps/train_bottleneck.py data/mini/train exp/mini/models/bottleneck
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import DataError
from pseudovox.data.archive import read_scp


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    parser.add_argument("--alignment", type=Path, help="root of <data dir>/alignment.scp")
    parser.add_argument("--teacher", type=Path, help="root of <data dir>/teacher.scp")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args)
    sources = {name: root for name in ("alignment", "teacher") if (root := getattr(args, name)) is not None}
    for part in data:
        for name, root in sources.items():
            read_scp(root / part.name / f"{name}.scp")
        if not sources and not part.phones and "text" not in part.tables:
            raise DataError(f"{part.path}: the content extractor learns from phones.ctm or text; there is neither")

    def check() -> None:
        config.bottleneck.load().check(config.bottleneck)

    inputs = [*data, *(root / part.name for root in sources.values() for part in data)]
    # What was made of the speech is among the inputs; where the teacher's model lies decides nothing.
    settings = replace(config.bottleneck, teacher="", alignment="")
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, prepare=check) as out:
        if out is None:
            return
        from pseudovox.data.augment import augment

        train = config.bottleneck.load().train
        facts = stage.compute(
            args, out, train, data, config.bottleneck, args.seed, out.path, augment=augment, sources=sources
        )
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())
