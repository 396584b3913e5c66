#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Resample trained curves so that each code is as frequent as any other: occurrence normalisation (stage fit).

The x-vectors are projected on the curve of a space-filling quantiser (kind sfvq) and sorted by their position on it.
Each code stands for an equal share of them; its codeword is the mean of the share's points on the curve. New vectors
are coded by their position, too. With --like porcupine it is done as in the code that was published with the method,
faults included, and new vectors are coded by the nearest codeword (docs/disclosure.md lists the differences).

Reads   the codebooks of steps/train_codebook.py, of which the curves are taken; data dirs; the x-vectors,
        <xvectors>/<data dir>/xvector.scp. Take as much speech as there is.
Writes  codebooks.npz: all that were read, and beside each curve the normalised codebook,
        `<kind>_normalised_<bits>bit_r<run>`, with what tells its codes: `.corners` and `.limits` of that name.

Example
    steps/normalise_codebook.py --codebooks exp/porcupine/trained --xvectors exp/porcupine/xvectors \\
        data/porcupine/commonvoice_en exp/porcupine/codebooks
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(
        __doc__, data_dirs="on whose x-vectors codes become equally frequent", out_dir="the codebooks"
    )
    parser.add_argument("--codebooks", type=Path, required=True, help="output of steps/train_codebook.py")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the x-vectors")
    parser.add_argument("--like", choices=["porcupine"], default="", help="do as the published code does")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="only the Kth of N parts of the utterances")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args, reads=())
    inputs = [*data, *(args.xvectors / part.name for part in data), args.codebooks]
    settings = {"like": args.like, "part": args.part}
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, seeded=False, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.models.quantizers import codebook
        from pseudovox.training import codebooks

        vectors, _ = codebooks.gather(data, args.xvectors, args.part)
        books = codebook.read(args.codebooks / codebook.FILE)
        found = codebooks.normalised(books, vectors, args.like)
        codebook.write(out.path / codebook.FILE, books | found)
        out.counts.update({"vectors": len(vectors), "codebooks": len(found)})


if __name__ == "__main__":
    sys.exit(main())
