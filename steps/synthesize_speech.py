#!/usr/bin/env python3
"""Speak data dirs with other voices: the anonymized data dirs (stage synthesize).

The acoustic model turns bottleneck features, F0 and an x-vector into WORLD frames, and WORLD makes the waveform, on
CPU cores. Every utterance keeps its id and its exact number of samples; all tables of a data dir are carried over.
Section `synthesis` of the configuration says level and sharpness.

Reads   data dirs; the model dir of steps/train_synthesizer.py; <bottleneck>/<data dir>/bottleneck.scp;
        <f0>/<data dir>/f0.scp; <xvectors>/<data dir>/pseudo_xvector.scp, or else xvector.scp.
Writes  <out-dir>/<data dir>_<suffix>: data dirs with wav/<utterance>.wav.

Example
    steps/synthesize_speech.py --model exp/mini/models/synthesizer --bottleneck exp/mini/bottleneck \\
        --f0 exp/mini/pca_gmm/f0 --xvectors exp/mini/pca_gmm/pseudo --suffix pca_gmm data/mini/test_trials_f data/mini
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.archive import read_scp
from pseudovox.config import Config
from pseudovox.errors import UsageError
from pseudovox.models import store


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speech is spoken anew")
    parser.add_argument("--model", type=Path, required=True, help="model dir of the synthesizer")
    parser.add_argument("--bottleneck", type=Path, required=True, help="root of the bottleneck features")
    parser.add_argument("--f0", type=Path, required=True, help="root of the F0 to speak with")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the x-vectors to speak with")
    parser.add_argument("--suffix", required=True, help="appended to the data dirs' names, e.g. the system's name")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if not args.suffix or "/" in args.suffix:
        raise UsageError(f"--suffix {args.suffix!r}: expected a part of a folder's name")
    data = stage.load_data(args)
    store.read_card(args.model, "synthesizer")

    def worker() -> Any:
        from pseudovox.synthesis import SynthesizeWorker, xvector_table

        for part in data:
            tables = (args.bottleneck / part.name / "bottleneck.scp", args.f0 / part.name / "f0.scp")
            for table in (*tables, xvector_table(args.xvectors / part.name)):
                read_scp(table)
        return functools.partial(
            SynthesizeWorker, args.model, config.synthesis, args.bottleneck, args.f0, args.xvectors
        )

    args.device = "cpu"  # WORLD, which takes most of the time, knows no other
    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings=config.synthesis,
        worker=worker,
        inputs=lambda part: [
            args.model,
            *(root / part.name for root in (args.bottleneck, args.f0, args.xvectors)),
        ],
        audio=True,
        out_names=lambda name: f"{name}_{args.suffix}",
    )


if __name__ == "__main__":
    sys.exit(main())
