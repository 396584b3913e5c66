#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Identify speakers by the codes of their x-vectors: closed-set error by the bits that pass (stage sample).

Of each speaker every second utterance is asked for, and the others are known. By codes, the speaker who had the
utterance's code most often is named, each as likely before; with nothing but B bits to go by, at most 2^B of N speakers
can be told apart, which bounds the error (the mean over speakers of each one's own) from below. By x-vectors as they
are, and by codewords in their place, it is the speaker whose mean has the largest cosine.

Reads   codebooks of steps/train_codebook.py or normalise_codebook.py; data dirs, of speakers on whom no codebook was
        trained; the x-vectors, <xvectors>/<data dir>/xvector.scp.
Writes  identification.tsv (kind, bits, runs, mean error in %, 2.5 and 97.5 % quantile over runs, lower bound); the row
        `x-vectors` is of those as they are; identification.{svg,png}.

Example
    steps/identify_speakers.py --codebooks exp/porcupine/codebooks --xvectors exp/porcupine/xvectors \\
        data/porcupine/speechocean762_test exp/porcupine/identification
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the speakers", out_dir="the errors")
    parser.add_argument("--codebooks", type=Path, action="append", required=True, metavar="DIR", help="codebooks")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the x-vectors")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args)
    inputs = [*data, *(args.xvectors / part.name for part in data), *args.codebooks]
    with stage.output(args, args.out_dir, settings={}, inputs=inputs, seeded=False, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.data.datadir import write_atomic
        from pseudovox.evaluation import codes
        from pseudovox.models.quantizers import codebook
        from pseudovox.report import disclosure
        from pseudovox.training import codebooks

        vectors, speakers = codebooks.gather(data, args.xvectors)
        books = {}
        for folder in args.codebooks:
            books.update(codebook.read(folder / codebook.FILE))
        codebooks.check_dimension(books, vectors)
        rows = codes.identification(books, vectors, speakers)
        write_atomic(out.path / "identification.tsv", "".join("\t".join(row) + "\n" for row in rows))
        disclosure.draw_identification(out.path, rows)
        out.counts.update({"x-vectors": len(vectors), "speakers": len(set(speakers))})


if __name__ == "__main__":
    sys.exit(main())
