#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Speak the codes of data dirs with the timbres of pseudo-speakers (stage synthesize).

FACodec takes an utterance to codes of prosody, content and detail and to a timbre; its decoder speaks the codes with
another timbre. What becomes of detail: system.options.detail, keep, drop, or redecode (drop, and speak by the
redecoder, whose model dir lies in that of the codec as `redecoder`). Every utterance keeps its id and its exact
number of samples; all tables are carried over.

Reads   data dirs; <pseudo>/<data dir>/pseudo_xvector.scp, timbres by utterance (steps/sample_pseudo_speakers.py); the
        codec: system.options.codec.model, else the published weights (system.options.codec.source=published), else
        --codec.
Writes  <out-dir>/<data dir>_<suffix>: data dirs with wav/<utterance>.wav.

Example
    steps/convert_facodec.py --config exp/own/facodec/config.yaml --pseudo exp/own/facodec/pseudo --suffix facodec \\
        data/own/recordings data/own
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.facodec.options import Options
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_scp


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs to be converted")
    parser.add_argument("--codec", type=Path, help="model dir of the recipe's codec")
    parser.add_argument("--pseudo", type=Path, required=True, help="root of what steps/sample_pseudo_speakers.py drew")
    parser.add_argument("--suffix", required=True, help="appended to the data dirs' names, e.g. the system's name")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if not args.suffix or "/" in args.suffix:
        raise UsageError(f"--suffix {args.suffix!r}: expected a part of a folder's name")
    options = stage.own_options(config, Options)
    options.check()
    data = stage.load_data(args)
    from pseudovox.anonymize.facodec import speech

    sources = speech.source_of(options, args.codec)

    def worker() -> Any:
        from pseudovox.anonymize.facodec.worker import ConvertWorker

        for part in data:
            read_scp(args.pseudo / part.name / "pseudo_xvector.scp")
        return functools.partial(ConvertWorker, options, args.codec, args.pseudo, config.synthesis.level)

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings={"detail": options.detail, "normalise": options.normalise, "level": config.synthesis.level},
        worker=worker,
        inputs=lambda part: [*sources, args.pseudo / part.name],
        audio=True,
        out_names=lambda name: f"{name}_{args.suffix}",
    )


if __name__ == "__main__":
    sys.exit(main())
