#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Move the formants back that a McAdams coefficient moved: what an attacker does who knows the seed (stage asv).

Whoever knows the seed of a run, the name of a data dir and the ids in it draws the same coefficients as the defender
did (those of mcadams.like vpc2024 need no seed at all). Poles whose angles were raised to the power c are raised to
1/c. What comes out is compared with original speech, by an attacker who was trained on original speech.

The configuration is the one of the run that anonymized (sections `mcadams`, `levels` and `seed`; where options went
before it there, --set them here); of an original only its name, ids and speakers are looked at, not its recordings.

Reads   data dirs that steps/anonymize_mcadams.py made; --original: the data dir that each was made from, in their
        order.
Writes  <out-dir>/<data dir>: data dirs with wav/<utterance>.wav.

Example
    steps/undo_mcadams.py --seed 1 --original data/mini/test_trials_f data/mini/test_trials_f_mcadams exp/mini/undone
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.datadir import DataDir


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs that were anonymized")
    parser.add_argument(
        "--original", type=Path, action="append", required=True, metavar="DIR",
        help="the data dir that each of them was made from, in their order (repeatable)",
    )  # fmt: skip
    parser.add_argument("--level", choices=("spk", "utt"), help="of the draws; by default that of section `levels`")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if len(args.original) != len(args.data_dirs):
        raise UsageError(f"{len(args.data_dirs)} data dirs and {len(args.original)} --original: expected one of each")
    data = stage.load_data(args)
    originals = [DataDir.load(path, allow_pipes=args.allow_pipes) for path in args.original]
    for part, original in zip(data, originals, strict=True):
        if lacking := sorted(set(part.utterances) - set(original.utterances)):
            raise DataError(
                f"{part.path}: {len(lacking)} utterances are not in {original.path}, e.g. {lacking[0]}",
                "give the data dirs that were anonymized and their originals in the same order",
            )
    for part, original in zip(data, originals, strict=True):
        level = args.level or config.levels.of(original.name)

        def worker(original: DataDir = original, level: str = level) -> Any:
            from pseudovox.anonymize import mcadams

            drawn = mcadams.coefficients(original, mcadams.resolved(config.mcadams), level, args.seed)
            return functools.partial(mcadams.UndoWorker, config.mcadams.variant, drawn, config.synthesis.level)

        stage.map_utterances(
            args,
            [part],
            args.out_dir,
            settings={
                "mcadams": config.mcadams, "level": level, "synthesis": {"level": config.synthesis.level},
                "original": [original.name, original.utt2spk],
            },
            worker=worker,
            audio=True,
            seeded=True,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
