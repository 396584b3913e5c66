#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Speak data dirs with other voices: the anonymized data dirs (stage synthesize).

A synthesizer of kind `world` turns bottleneck features, F0 and a voice into WORLD frames, and WORLD makes the waveform,
on CPU cores; the neural vocoders make it themselves. Every utterance keeps its id and its exact number of samples; all
tables of a data dir are carried over. Section `synthesis` of the configuration says level and sharpness.

Reads   data dirs; the model dir of steps/train_synthesizer.py; <bottleneck>/<data dir>/bottleneck.scp;
        <f0>/<data dir>/f0.scp; <xvectors>/<data dir>/pseudo_xvector.scp, or else xvector.scp, or for a synthesizer of
        one-hot voices utt2target.
Writes  <out-dir>/<data dir>_<suffix>: data dirs with wav/<utterance>.wav, and, of one-hot voices, utt2target and
        spk2target: as which training speaker an utterance (or all of a speaker's) is spoken.

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
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import DataDir, bytewise, read_table, write_atomic
from pseudovox.data.datadir.tables import SPK2TARGET, UTT2TARGET
from pseudovox.models import store


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speech is spoken anew")
    parser.add_argument("--model", type=Path, required=True, help="model dir of the synthesizer")
    parser.add_argument("--bottleneck", type=Path, required=True, help="root of the bottleneck features")
    parser.add_argument("--f0", type=Path, required=True, help="root of the F0 to speak with")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the voices to speak with")
    parser.add_argument("--suffix", required=True, help="appended to the data dirs' names, e.g. the system's name")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if not args.suffix or "/" in args.suffix:
        raise UsageError(f"--suffix {args.suffix!r}: expected a part of a folder's name")
    data = stage.load_data(args)
    card = store.read_card(args.model, *store.synthesizers())
    one_hot = "speakers" in card["facts"]

    def worker() -> Any:
        from pseudovox.components.synthesis import SynthesizeWorker, voice_table

        for part in data:
            read_scp(args.bottleneck / part.name / "bottleneck.scp")
            read_scp(args.f0 / part.name / "f0.scp")
            read_table(voice_table(args.xvectors / part.name, one_hot=one_hot))
        return functools.partial(
            SynthesizeWorker, args.model, config.synthesis, args.bottleneck, args.f0, args.xvectors, args.seed
        )

    def finish(part: DataDir, out: Any) -> None:
        for name in (UTT2TARGET, SPK2TARGET):
            if one_hot and (args.xvectors / part.name / name).exists():
                table = read_table(args.xvectors / part.name / name)
                write_atomic(out.path / name, "".join(f"{key} {table[key]}\n" for key in bytewise(table)))

    neural = card["kind"] != "synthesizer"
    if not neural:
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
        finish=finish,
        seeded=neural,
    )


if __name__ == "__main__":
    sys.exit(main())
