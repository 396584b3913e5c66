#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Fit the generator of pseudo-speakers on the speakers of the pool (stage fit).

Section `pseudo` of the configuration names the strategy and its options. With --f0, the mean and the deviation of
log F0 are learned as well, so that the melody can be moved to a pseudo-speaker's pitch. With --select, the sizes of
pca_gmm are those of `pseudo.grid` that predict speakers best whom a model has not seen (five folds).

Reads   pool data dirs with spk2gender; <xvectors>/<data dir>/{xvector,spk_xvector}.scp; <f0>/<data dir>/f0.scp.
Writes  pseudo.json (strategy, facts of the fit), pseudo.npz, pseudo_pitch.npz; with --select, selection.tsv (nats a
        speaker of every setting).

Example
    steps/fit_pseudo_speakers.py --xvectors exp/mini/xvectors --f0 exp/mini/f0 \\
        data/mini/train exp/mini/models/pseudo/pca_gmm
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_alike, read_scp


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the pool", out_dir="the generator")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the pool's x-vectors")
    parser.add_argument("--f0", type=Path, help="root of the pool's F0; without it, F0 is left to itself")
    parser.add_argument("--select", action="store_true", help="as --set pseudo.select=true")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    pool = stage.load_data(args, need=("spk2gender",))
    if args.select:
        if not hasattr(config.pseudo, "select"):
            raise UsageError(f"--select: strategy {config.pseudo.strategy} has nothing to choose", "leave --select out")
        config.pseudo.select = True
    vectors = read_alike({part.path: args.xvectors / part.name / "spk_xvector.scp" for part in pool})
    by_utterance = {part.path: read_scp(args.xvectors / part.name / "xvector.scp") for part in pool}
    contours = {part.path: read_scp(args.f0 / part.name / "f0.scp") for part in pool} if args.f0 else {}
    inputs = [*pool, *(args.xvectors / part.name for part in pool)]
    inputs += [args.f0 / part.name for part in pool] if args.f0 else []
    with stage.output(args, args.out_dir, settings=config.pseudo, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        import numpy as np

        from pseudovox.anonymize import pseudo_pitch, pseudo_speakers
        from pseudovox.anonymize.strategy import Pool
        from pseudovox.core.npz import write_npz

        speakers = [(part, speaker) for part in pool for speaker in part.speakers]
        spoken = [(part, utterance, row) for row, (part, of) in enumerate(speakers) for utterance in part.spk2utt[of]]
        learned = Pool(
            np.stack([vectors[part.path][speaker] for part, speaker in speakers]),
            tuple(part.spk2gender[speaker] for part, speaker in speakers),
            np.stack([by_utterance[part.path][utterance] for part, utterance, _ in spoken]),
            np.array([row for _, _, row in spoken]),
        )
        strategy = config.pseudo.load().fit(learned, config.pseudo, args.seed)
        facts = {}
        if contours:
            by_speaker = [
                [contours[part.path][utterance] for utterance in part.spk2utt[speaker]] for part, speaker in speakers
            ]
            pitch, facts["pitch"] = pseudo_pitch.fit(learned, by_speaker)
            write_npz(out.path / pseudo_pitch.FILE, vars(pitch))
        pseudo_speakers.save(out.path, strategy, facts)
        out.counts["speakers"] = len(speakers)


if __name__ == "__main__":
    sys.exit(main())
