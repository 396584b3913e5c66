#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Transform F0: to the pseudo-speakers, and otherwise (stage f0).

`f0.transform` lists what is done, in its order; `f0.transforms` with what numbers; conf/default.yaml explains both, and
conf/f0 has the chains of known systems (--set use.f0=<name>). Voicing stays as it is.

shift: the logarithm of F0 is shifted and scaled from the mean and deviation of the speaker (over all of its utterances
in the data dir; of the utterance itself with f0.source=utterance) to those of the utterance's pseudo-speaker; where
the pseudo-speakers come without an F0 of their own (strategy `own`), F0 is not shifted. phones: needs phones.ctm in the
data dirs.

Reads   data dirs; <f0>/<data dir>/f0.scp of steps/extract_f0.py; for shift <pseudo>/<data dir>/pseudo_f0.scp of
        steps/sample_pseudo_speakers.py.
Writes  <out-dir>/<data dir>/f0.{scp,1.ark,...}

Examples
    steps/transform_f0.py --f0 exp/mini/f0 --pseudo exp/mini/pca_gmm/pseudo data/mini/test_trials_f exp/mini/pca_gmm/f0
    steps/transform_f0.py --set 'f0.transform=[revert,noise]' --f0 exp/mini/f0 data/mini/test_trials_f exp/mini/noisy_f0
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
from pseudovox.data.archive import read_scp


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs, original")
    parser.add_argument("--f0", type=Path, required=True, help="root of the extracted F0")
    parser.add_argument("--pseudo", type=Path, help="root of the pseudo-speakers, for shift")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args)
    transforms = config.f0.transform
    if "shift" in transforms and not args.pseudo:
        raise UsageError("f0.transform: shift needs the pseudo-speakers", "--pseudo exp/<recipe>/<system>/pseudo")
    for part in data:
        if "shift" in transforms and not (args.pseudo / part.name).is_dir():  # else F0 would stay the speaker's own
            hint = "run the ./run.sh command again from stage sample on: --stage sample"
            raise DataError(f"{args.pseudo / part.name}: no pseudo-speakers here", hint)
        read_scp(args.f0 / part.name / "f0.scp")
        without = set(part.utterances) - part.phones.keys() if "phones" in transforms else set()
        if without:
            raise DataError(
                f"{part.path}/phones.ctm: no phones of {len(without)} of {len(part.utterances)} utterances, e.g. "
                f"{min(without)}; f0.transform: phones scales F0 phone by phone",
                "align the speech, or leave `phones` out of f0.transform",
            )
    args.device = "cpu"

    def worker() -> Any:
        from pseudovox.anonymize import f0_transforms

        f0_transforms.check(config.f0)
        return functools.partial(f0_transforms.TransformWorker, config.f0, args.seed, args.f0, args.pseudo)

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings=config.f0,
        worker=worker,
        inputs=lambda part: [root / part.name for root in (args.f0, args.pseudo) if root],
        arrays=("f0",),
        seeded=bool(set(transforms) & {"noise", "phones"}),
    )


if __name__ == "__main__":
    sys.exit(main())
