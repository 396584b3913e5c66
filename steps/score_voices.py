#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Voice distinctiveness and de-identification (stage utility): do voices still differ, and from the original ones?

Utterances of a data dir are compared with each other by PLDA: original with original (oo), original with anonymized
(oa), anonymized with anonymized (aa). Of each the similarity of all pairs of speakers is taken, and from the matrices
the gain of voice distinctiveness (G_VD, dB) and de-identification (DeID), as the VoicePrivacy Challenge 2022 has them.
PLDA and embeddings are those of original speech.

Reads   original data dirs, and beside each the one that the system made of it, <data dir>_<system>; embeddings of both,
        <xvectors>/<data dir>/xvector.scp; the model dir of steps/train_plda.py.
Writes  results.json, and <data dir>/similarity.npz: oo, oa, aa (speakers, speakers; -1 where no pair was compared),
        speakers.txt with the order of rows and columns.

Example
    steps/score_voices.py --system pca_gmm --xvectors exp/mini/asv/original --plda exp/mini/asv/original/plda \\
        data/mini/test_trials_f data/mini/test_trials_m exp/mini/pca_gmm/voices
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_alike
from pseudovox.data.datadir import write_atomic
from pseudovox.models import store


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="original data dirs", out_dir="the results")
    parser.add_argument("--system", required=True, help="the system, and the end of its data dirs' names")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the embeddings")
    parser.add_argument("--plda", type=Path, required=True, help="model dir of the PLDA")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = config.scoring
    if options.voices_utterances < 0:
        raise UsageError("scoring.voices_utterances must not be negative; 0 = all")
    data = stage.load_data(args)
    made = stage.load_made(args, data)
    store.read_card(args.plda, "plda")
    names = [name for part in data for name in (part.name, made[part.path].name)]
    vectors = read_alike({name: args.xvectors / name / "xvector.scp" for name in names})
    levels = {part.name: config.levels.of(part.name) for part in data}
    settings = {
        "system": args.system,
        "levels": levels,
        "voices_utterances": options.voices_utterances,
        "interval_rounds": options.interval_rounds,
    }
    inputs = [*data, *made.values(), *(args.xvectors / name for name in names), args.plda]
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        import numpy as np

        from pseudovox.components import plda
        from pseudovox.core.npz import write_npz
        from pseudovox.evaluation import voices
        from pseudovox.records import write_records

        backend = plda.load(args.plda)
        records = []
        for part in data:
            chosen = voices.choose(part, options.voices_utterances, args.seed)
            try:
                found = voices.similarities(
                    vectors[part.name], vectors[made[part.path].name], chosen, part.utt2spk, backend
                )
            except ValueError as error:  # undefined, as an EER without targets is; the other sets have theirs
                stage.log.warning("%s: no voice similarity: %s", part.path, error)
                continue
            (out.path / part.name).mkdir()
            matrices = {name: np.nan_to_num(its.values, nan=-1.0) for name, its in found.items()}
            write_npz(out.path / part.name / "similarity.npz", matrices)
            write_atomic(out.path / part.name / "speakers.txt", "".join(f"{name}\n" for name in found["oo"].speakers))
            records += voices.records(found, part, len(chosen), config, system=args.system, seed=args.seed)
        write_records(out.path / "results.json", records)
        out.counts["figures"] = len(records)


if __name__ == "__main__":
    sys.exit(main())
