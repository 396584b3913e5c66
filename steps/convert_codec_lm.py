#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Convert data dirs by the codec language model: what was said, in the voice of a prompt (stage synthesize).

The semantic units of an utterance (--units) come after the prompt of its voice; the coarse transformer draws the
first two codebooks of a codec, token by token, and the fine one the others; the codec (--codec) decodes them. The
result has as many samples as the original. A draw that is hardly speech, or that repeats one frame for seconds, is
made again, and after system.options.generation.tries draws the utterance fails. Every utterance
keeps its id; all tables are carried over.

Without --prompts and --pseudo, or with system.options.prompts.source none, the voice is drawn by the models.

Reads   data dirs; the model dirs of units, codec and language models (steps/train_codec_lm.py or import_codec_lm.py);
        the prompts of steps/fit_codec_prompts.py; <pseudo>/<data dir>/utt2target of steps/sample_codec_prompts.py.
Writes  <out-dir>/<data dir>_<suffix>: data dirs with wav/<utterance>.wav, utt2target and spk2target.

Example
    steps/convert_codec_lm.py --config exp/own/codec_lm_small/config.yaml --units exp/own/models/codec_lm/units \\
        --codec exp/own/models/codec_lm/codec --lm exp/own/models/codec_lm/lm \\
        --bottleneck pretrained/openspeech/bottleneck --prompts exp/own/codec_lm_small/prompts \\
        --pseudo exp/own/codec_lm_small/pseudo --suffix codec_lm_small \\
        data/own/recordings data/own
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.codec_lm.options import Options
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.datadir import DataDir, bytewise, read_table, write_atomic
from pseudovox.data.datadir.tables import SPK2TARGET, UTT2TARGET


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs to be converted")
    parser.add_argument("--units", type=Path, required=True, help="model dir of the semantic units")
    parser.add_argument("--codec", type=Path, required=True, help="model dir of the codec")
    parser.add_argument("--lm", type=Path, required=True, help="model dirs of the language models, coarse and fine")
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor")
    parser.add_argument("--prompts", type=Path, help="output of steps/fit_codec_prompts.py")
    parser.add_argument("--pseudo", type=Path, help="root of what steps/sample_codec_prompts.py drew")
    parser.add_argument("--suffix", required=True, help="appended to the data dirs' names, e.g. the system's name")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if not args.suffix or "/" in args.suffix:
        raise UsageError(f"--suffix {args.suffix!r}: expected a part of a folder's name")
    options = stage.own_options(config, Options)
    options.check()
    if options.prompts.source == "none":
        args.prompts = args.pseudo = None
    if (args.prompts is None) != (args.pseudo is None):
        raise UsageError(
            "--prompts and --pseudo go together", "give both, or none of them for voices of the models' own"
        )
    data = stage.load_data(args)
    from pseudovox.anonymize.knnvc import features

    weights = features.source_of(options.features, args.bottleneck)

    def worker() -> Any:
        from pseudovox.anonymize.codec_lm.prompts import Store
        from pseudovox.anonymize.codec_lm.worker import ConvertWorker, check

        check(args.units, args.codec, args.lm)
        if args.prompts:
            Store(args.prompts)
            for part in data:
                read_table(args.pseudo / part.name / UTT2TARGET)
        return functools.partial(
            ConvertWorker, options, args.units, args.codec, args.lm, args.bottleneck, args.prompts, args.pseudo,
            config.synthesis.level, args.seed,
        )  # fmt: skip

    def finish(part: DataDir, out: Any) -> None:
        for name in (UTT2TARGET, SPK2TARGET):
            if args.pseudo and (args.pseudo / part.name / name).exists():
                table = read_table(args.pseudo / part.name / name)
                write_atomic(out.path / name, "".join(f"{key} {table[key]}\n" for key in bytewise(table)))

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings={
            "features": {"kind": options.features.kind, "layer": options.features.layer},
            "generation": options.generation, "prompts": bool(args.prompts), "level": config.synthesis.level,
        },
        worker=worker,
        inputs=lambda part: [
            args.units, args.codec, args.lm, weights,
            *([args.prompts, args.pseudo / part.name] if args.prompts else []),
        ],
        audio=True,
        out_names=lambda name: f"{name}_{args.suffix}",
        finish=finish,
        seeded=True,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
