#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Show how different the pseudo-speakers are from one another, beside real speakers (stage report).

Of every kind of voices, real, averaged over the pool, and made by each system, the cosine similarity of all pairs of
one gender: averages crowd near 1, which tells that they are not as different as people. Where no system is called
`pool`, averages over the real speakers are drawn for comparison, in the proportions of the challenges' baseline B1.

Reads   data dirs with spk2gender: those of the pool, and those that were anonymized; the x-vectors of their speakers,
        <xvectors>/<data dir>/spk_xvector.scp; with --pseudo, <dir>/<data dir>/{pseudo_xvector.scp,spk2gender}.
Writes  diversity.tsv (mean, deviation, percentiles by kind and gender), similarity.{svg,png} (densities),
        map.{svg,png} (t-SNE).

Example
    steps/plot_diversity.py --xvectors exp/mini/xvectors --pseudo pca_gmm=exp/mini/pca_gmm/pseudo \\
        data/mini/train data/mini/test_enrolls data/mini/test_trials_f exp/mini/diversity
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import read_table, write_atomic


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="pool and anonymized data dirs (the originals)", out_dir="the pictures")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the x-vectors")
    parser.add_argument(
        "--pseudo", action="append", default=[], metavar="SYSTEM=DIR", help="root of a system's pseudo x-vectors"
    )
    parser.add_argument("--most", type=int, default=200, metavar="N", help="voices of a kind and gender, at most (200)")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if args.most < 2:
        raise UsageError(f"--most {args.most}: two voices or more can be compared")
    made = {}
    for word in args.pseudo:
        system, equals, folder = word.partition("=")
        if not equals or not system or not folder:
            raise UsageError(f"--pseudo {word}: expected SYSTEM=DIR")
        made[system] = Path(folder)
    data = stage.load_data(args, need=("spk2gender",))
    parts = [(system, part, root / part.name) for system, root in made.items() for part in data]
    parts = [(system, part, folder) for system, part, folder in parts if (folder / "pseudo_xvector.scp").is_file()]
    inputs = [*data, *(args.xvectors / part.name for part in data), *(folder for _, _, folder in parts)]
    settings = {"most": args.most, "systems": list(made)}
    # Replaced where systems were added: it sums up those of a run.
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, torch_device=False, replace=True) as out:
        if out is None:
            return
        from pseudovox.anonymize import diversity
        from pseudovox.report.diversity import draw

        real, genders = {}, {}
        for part in data:
            vectors = read_scp(args.xvectors / part.name / "spk_xvector.scp")
            for speaker in part.speakers:  # one who is in several data dirs is one voice
                if speaker not in real:
                    real[speaker], genders[speaker] = vectors[speaker], part.spk2gender[speaker]
        voices = diversity.gather(diversity.REAL, real, genders, args.most, args.seed)
        if not voices:
            raise DataError("there are no two speakers of one gender to compare", "give more data dirs")
        if "pool" not in made:
            averages = diversity.pool_averages(real, genders, args.seed)
            voices += diversity.gather(diversity.AVERAGED, averages, genders, args.most, args.seed)
        for system in made:
            own, its = {}, {}
            for _, part, folder in (one for one in parts if one[0] == system):
                wanted = read_table(folder / "spk2gender")
                for utterance, vector in read_scp(folder / "pseudo_xvector.scp").items():
                    own[f"{part.name}/{utterance}"] = vector
                    its[f"{part.name}/{utterance}"] = wanted[part.utt2spk[utterance]]
            voices += diversity.gather(system, own, its, args.most, args.seed)
        rows = [list(diversity.COLUMNS), *diversity.table(voices)]
        write_atomic(out.path / "diversity.tsv", "".join("\t".join(row) + "\n" for row in rows))
        draw(out.path, voices, args.seed)
        out.counts["voices"] = sum(len(own.vectors) for own in voices)


if __name__ == "__main__":
    sys.exit(main())
