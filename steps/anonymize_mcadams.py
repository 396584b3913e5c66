#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Anonymize data dirs by moving formants with a McAdams coefficient: no model, no training (a whole system).

Baseline B2 of the VoicePrivacy Challenges (Patino et al. 2021). The coefficient is fixed or drawn from a range, for
each speaker of a data dir or each utterance, as section `levels` of the configuration says; section `mcadams` is the
rest. Options given here go before both. Every utterance keeps its id and its exact number of samples; all tables of a
data dir are carried over. The speech gets the level that section `synthesis` says, and no frame may grow by more than
9 dB; --largest-gain 0 --scale published leave that as the challenges do.

--like vpc2024 takes the coefficients of the published implementation, which do not depend on the seed and which anybody
can compute, its scale (peaks at full scale) and no limit; give it --level utt or spk. It is there to compare with
published results, not to protect.

Reads   data dirs.
Writes  <out-dir>/<data dir>_<suffix>: data dirs with wav/<utterance>.wav.

Examples
    steps/anonymize_mcadams.py data/mini/test_trials_f data/mini
    steps/anonymize_mcadams.py --variant 2020 --largest-gain 0 --scale published data/mini/test_trials_f data/mini
    steps/anonymize_mcadams.py --coefficient 0.6,0.9 --level utt --suffix wide data/mini/test_trials_f data/mini
"""

from __future__ import annotations

import argparse
import functools
import sys
from dataclasses import replace
from typing import Any

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs to be anonymized")
    parser.add_argument("--variant", type=int, metavar="YEAR", help="2020, 2022 or 2024: of the challenge of that year")
    parser.add_argument("--coefficient", type=coefficient, metavar="X|MIN,MAX", help="fixed, or drawn from a range")
    parser.add_argument("--level", choices=("spk", "utt"), help="draw for each speaker or for each utterance")
    parser.add_argument("--largest-gain", type=float, metavar="DB", help="by which a frame may grow; 0: no limit")
    parser.add_argument("--scale", choices=("speech", "published"), help="one level of speech, or peaks at full scale")
    parser.add_argument("--like", metavar="NAME", help="vpc2024: with what was published")
    parser.add_argument("--suffix", default="mcadams", help="appended to the data dirs' names (mcadams)")
    return stage.main(parser, argv, run)


def coefficient(text: str) -> list[float]:
    """The value of --coefficient, one number or two."""
    return [float(word) for word in text.split(",")]


def run(args: argparse.Namespace, config: Config) -> None:
    if not args.suffix or "/" in args.suffix:
        raise UsageError(f"--suffix {args.suffix!r}: expected a part of a folder's name")
    given = {key: getattr(args, key) for key in ("variant", "coefficient", "largest_gain", "scale", "like")}
    options = replace(config.mcadams, **{key: value for key, value in given.items() if value is not None})
    data = stage.load_data(args)
    by_level: dict[str, list[Any]] = {}
    for part in data:
        level = args.level or config.levels.of(part.name)
        if level not in ("spk", "utt"):
            raise UsageError(f"levels: {level!r} for {part.name}, expected spk or utt")
        by_level.setdefault(level, []).append(part)
    for level, parts in by_level.items():

        def worker(level: str = level) -> Any:
            from pseudovox.anonymize import mcadams

            return functools.partial(
                mcadams.McAdamsWorker, mcadams.resolved(options), level, args.seed, config.synthesis.level
            )

        stage.map_utterances(
            args,
            parts,
            args.out_dir,
            settings={"mcadams": options, "level": level, "synthesis": {"level": config.synthesis.level}},
            worker=worker,
            audio=True,
            out_names=lambda name: f"{name}_{args.suffix}",
            seeded=True,
        )


if __name__ == "__main__":
    sys.exit(main())
