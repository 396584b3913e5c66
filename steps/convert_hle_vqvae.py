#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Convert speech to training speakers of a hierarchical VQ-VAE (stage synthesize).

An utterance's spectra are quantised at three levels and decoded in the voice of its target, one of the speakers the
network was trained on. WORLD speaks them with the source's F0 and voicing, F0 moved to the target's
(system.options.spoken=world); or a vocoder does (--vocoder: steps/train_hle_vocoder.py), and then F0 is in the codes.
Every utterance keeps its id and its exact number of samples; all tables are carried over.

Reads   data dirs; the model dir of steps/train_hle_vqvae.py (--model); <pseudo>/<data dir>/utt2target of
        steps/sample_pseudo_speakers.py; for WORLD <f0>/<data dir>/f0.scp of steps/transform_f0.py.
Writes  <out-dir>/<data dir>_<suffix>: data dirs with wav/<utterance>.wav, utt2target and spk2target.

Example
    steps/convert_hle_vqvae.py --config exp/openspeech/hle_vqvae/config.yaml --model exp/openspeech/models/hle_vqvae \\
        --pseudo exp/openspeech/hle_vqvae/pseudo --f0 exp/openspeech/hle_vqvae/f0 --suffix hle_vqvae \\
        data/openspeech/test-other data/openspeech
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.hle_vqvae.options import Options
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import DataDir, bytewise, read_table, write_atomic
from pseudovox.data.datadir.tables import SPK2TARGET, UTT2TARGET


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs to be converted")
    parser.add_argument("--model", type=Path, required=True, help="output of steps/train_hle_vqvae.py")
    parser.add_argument("--pseudo", type=Path, required=True, help="root of what steps/sample_pseudo_speakers.py drew")
    parser.add_argument("--f0", type=Path, help="root of the F0 to speak with (WORLD)")
    parser.add_argument("--vocoder", type=Path, help="model dir of the vocoder (system.options.spoken=vocoder)")
    parser.add_argument("--suffix", required=True, help="appended to the data dirs' names, e.g. the system's name")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if not args.suffix or "/" in args.suffix:
        raise UsageError(f"--suffix {args.suffix!r}: expected a part of a folder's name")
    options = stage.own_options(config, Options)
    options.check()
    by_world = options.spoken == "world"
    if by_world and args.f0 is None:
        raise UsageError("WORLD needs F0 (--f0)", "./run.sh --system hle_vqvae gives it")
    if not by_world and args.vocoder is None:
        raise UsageError(
            "system.options.spoken vocoder: no vocoder was given (--vocoder)",
            "--vocoder MODEL, of steps/train_hle_vocoder.py",
        )
    contours, vocoder = (args.f0, None) if by_world else (None, args.vocoder)
    data = stage.load_data(args)

    def worker() -> Any:
        from pseudovox.anonymize.hle_vqvae.speech import Vocoder
        from pseudovox.anonymize.hle_vqvae.worker import Converter, ConvertWorker

        Converter(args.model, options)  # one that fits?
        if vocoder is not None:
            Vocoder(vocoder, options.spectra)
        for part in data:
            read_table(args.pseudo / part.name / UTT2TARGET)
            if contours is not None:
                read_scp(contours / part.name / "f0.scp")
        return functools.partial(
            ConvertWorker, options, args.model, args.pseudo, contours, vocoder, config.synthesis.level
        )

    def finish(part: DataDir, out: Any) -> None:
        for name in (UTT2TARGET, SPK2TARGET):
            if (args.pseudo / part.name / name).exists():
                table = read_table(args.pseudo / part.name / name)
                write_atomic(out.path / name, "".join(f"{key} {table[key]}\n" for key in bytewise(table)))

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings={
            "spectra": options.spectra,
            "spoken": options.spoken,
            "level": config.synthesis.level,
            **({"lifter": options.lifter} if by_world else {}),
        },
        worker=worker,
        inputs=lambda part: [
            args.model,
            args.pseudo / part.name,
            *([contours / part.name] if contours is not None else []),
            *([vocoder] if vocoder is not None else []),
        ],
        audio=True,
        out_names=lambda name: f"{name}_{args.suffix}",
        finish=finish,
    )


if __name__ == "__main__":
    sys.exit(main())
