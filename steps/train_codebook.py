#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train vector quantisers on x-vectors of utterances, of several kinds, sizes and seeds (stage fit).

A codebook of 2^B codewords lets B bits of a voice pass. The kinds are those of pseudovox/models/quantizers that can be
trained by themselves: vq (k-means), vq_plain (by gradient, dead codewords replaced), nsvq (the same by itself), and
sfvq, whose codewords are corners of a curve, in order; of sfvq, all sizes are stages of one training.
steps/normalise_codebook.py makes the codes of such curves equally frequent, and steps/score_codebook.py tells what
codes disclose.

Keys of the system (system.options), with their defaults:
    kinds: [vq_plain, sfvq]
    bits: [4, 5, 6]
    runs: 5                  trainings of each, by different seeds
    training:
      batch: 64
      learning_rate: 0.001   of Adam; halved after 60 and 80 % of the epochs
      epochs: 10             of sfvq, half as many in each stage
      updates: 20000         at least so many (in each stage), by further epochs
      epsilon: 0.01          how far a doubled corner is from its twin, in segments
      ordering: principal    of the first corners: principal (component), or norm
      like: ''               porcupine = as in the released code: vectors neither shifted nor scaled, corners by norm

Reads   data dirs; the x-vectors, <xvectors>/<data dir>/xvector.scp.
Writes  codebooks.npz, with arrays `<kind>_<bits>bit_r<run>` (codes, dimension), and training.tsv, the mean squared
        error of each on its training vectors, whose variance stands in the first row.

Example
    steps/train_codebook.py --xvectors exp/porcupine/xvectors data/porcupine/commonvoice_en exp/porcupine/trained
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="whose x-vectors are learned from", out_dir="the codebooks")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the x-vectors")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="only the Kth of N parts of the utterances")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    from pseudovox.training import codebooks

    options = stage.own_options(config, codebooks.Options)
    options.check()
    data = stage.load_data(args, reads=())
    inputs = [*data, *(args.xvectors / part.name for part in data)]
    settings = [options, {"part": args.part}]
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.data.datadir import write_atomic
        from pseudovox.models.quantizers import codebook
        from pseudovox.stage import jobs

        vectors, _ = codebooks.gather(data, args.xvectors, args.part)
        work = [
            codebooks.Job(kind, number, options, vectors, args.seed)
            for number in range(1, options.runs + 1)
            for kind in options.kinds
        ]
        found = {}
        for start in range(0, len(work), args.nj):
            for books in jobs.run(codebooks.train, work[start : start + args.nj], [out.path / "log"], name=args.step):
                found.update(books)
            stage.log.info("%d of %d trainings are done", min(start + args.nj, len(work)), len(work))
        codebook.write(out.path / codebook.FILE, found)
        rows = [f"all\tvariance\t{vectors.var(0).mean():.6g}"]
        rows += [f"{name}\tmean_squared_error\t{found[name].mean_squared_error(vectors):.6g}" for name in sorted(found)]
        write_atomic(out.path / "training.tsv", "".join(f"{row}\n" for row in ["codebook\tfigure\tvalue", *rows]))
        out.counts.update({"vectors": len(vectors), "codebooks": len(found)})


if __name__ == "__main__":
    sys.exit(main())
