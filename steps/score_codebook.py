#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Score how much the codes of quantisers disclose, by how often each occurs (stages fit and sample).

A code that one in N has discloses log2 N bits. For every kind and size of codebook, over its runs (mean, 2.5 and 97.5 %
quantile): worst case and average disclosure in bits, Kullback-Leibler divergence from chance, sparseness, standard
deviation and perplexity (pseudovox/metrics/disclosure.py), and what equally frequent codes would have.

Histograms are of any of these, or several:
    --codebooks DIR      each codebook of steps/train_codebook.py or normalise_codebook.py (or FILE.npz), on x-vectors
    --generator DIR      the codebook of a fitted generator of strategy `quantised`, on x-vectors
    --bottleneck DIR     the quantised content features of steps/extract_bottleneck.py, frame by frame
    --histogram FILE     a text file with a line for each code, its count at the line's end

With --system, the figures of --generator are also written as results of a run, for each set of trials.

Reads   what is named, and the data dirs' x-vectors, <xvectors>/<data dir>/xvector.scp, or content features.
Writes  disclosure.tsv; histograms.tsv (kind, bits, run, code, count); disclosure.{svg,png} where a kind comes in two
        sizes or more; with --system, results.json.

Examples
    steps/score_codebook.py --codebooks exp/porcupine/codebooks --xvectors exp/porcupine/xvectors \\
        data/porcupine/dev-clean exp/porcupine/disclosure
    steps/score_codebook.py --bottleneck exp/mini/bottleneck --codes 48 data/mini/test_trials_f exp/mini/content_codes
    steps/score_codebook.py --histogram counts.txt exp/counts
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir
    from pseudovox.evaluation.codes import Histogram


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--codebooks", type=Path, action="append", default=[], metavar="DIR", help="codebooks")
    parser.add_argument("--generator", type=Path, metavar="DIR", help="output of steps/fit_pseudo_speakers.py")
    parser.add_argument("--xvectors", type=Path, metavar="DIR", help="root of the x-vectors")
    parser.add_argument("--bottleneck", type=Path, metavar="DIR", help="root of quantised content features")
    parser.add_argument("--codes", type=int, default=0, metavar="N", help="codes of --bottleneck (0: those that occur)")
    parser.add_argument("--histogram", type=Path, action="append", default=[], metavar="FILE", help="counts")
    parser.add_argument("--system", default="", help="of --generator, for results of a run")
    parser.add_argument("--allow-pipes", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("data_dirs", nargs="*", type=Path, help="whose x-vectors or features are coded")
    parser.add_argument("out_dir", type=Path, help="the figures")
    parser.set_defaults(channel=0)
    parser.add_argument("--part", default="1/1", metavar="K/N", help="only the Kth of N parts of the utterances")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    coded = bool(args.codebooks or args.generator)
    if not coded and not args.bottleneck and not args.histogram:
        raise UsageError("nothing to score: give --codebooks, --generator, --bottleneck or --histogram")
    if coded and args.xvectors is None:
        raise UsageError("codebooks are scored on x-vectors: give --xvectors and data dirs")
    if (coded or args.bottleneck) and not args.data_dirs:
        raise UsageError("no data dirs whose x-vectors or features are to be coded")
    if args.system and not args.generator:
        raise UsageError("--system names what --generator is of")
    data = stage.load_data(args, reads=())
    roots = [root for root in (args.xvectors if coded else None, args.bottleneck) if root]
    inputs = [*data, *(root / part.name for root in roots for part in data), *args.codebooks, *args.histogram]
    inputs += [args.generator] if args.generator else []
    settings = {"part": args.part, "codes": args.codes, "system": args.system}
    settings |= {"pseudo": config.pseudo if args.generator else {}}
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, seeded=False, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.data.datadir import write_atomic
        from pseudovox.evaluation import codes
        from pseudovox.report import disclosure

        found = [codes.of_file(path, path.stem) for path in args.histogram]
        if args.bottleneck:
            from pseudovox.data.archive import read_scp

            features = {part.path: read_scp(args.bottleneck / part.name / "bottleneck.scp") for part in data}
            frames = [features[part.path][utterance] for part in data for utterance in part.utterances]
            found.append(codes.of_frames(frames, "bottleneck", args.codes))
        if coded:
            found += _coded(args, config, data, out.path)
        rows = [list(codes.COLUMNS), *codes.table(found)]
        write_atomic(out.path / "disclosure.tsv", "".join("\t".join(row) + "\n" for row in rows))
        lines = [
            f"{own.name.kind}\t{own.name.bits}\t{own.name.run}\t{code}\t{count}\n"
            for own in found for code, count in enumerate(own.counts)
        ]  # fmt: skip
        write_atomic(out.path / "histograms.tsv", "kind\tbits\trun\tcode\tcount\n" + "".join(lines))
        disclosure.draw_panels(out.path, rows)
        out.counts["histograms"] = len(found)


def _coded(args: argparse.Namespace, config: Config, data: list[DataDir], folder: Path) -> list[Histogram]:
    """Histograms on x-vectors; with --system, its results.json."""
    from pseudovox.anonymize import pseudo_speakers, quantised
    from pseudovox.data.datadir.origin import ROLES
    from pseudovox.evaluation import codes
    from pseudovox.models.quantizers import codebook
    from pseudovox.records import FILE, write_records
    from pseudovox.training import codebooks

    vectors, _ = codebooks.gather(data, args.xvectors, args.part)
    found = []
    for path in args.codebooks:
        books = codebook.read(path if path.suffix == ".npz" else path / codebook.FILE)
        codebooks.check_dimension(books, vectors)
        found += codes.of_codebooks(books, vectors)
    if args.generator:
        strategy = pseudo_speakers.load(args.generator, config.pseudo)
        if not isinstance(strategy, quantised.Quantised):
            raise UsageError(f"{args.generator}: of strategy {strategy.name}, which has no codes; expected quantised")
        name = codebook.Name(args.system or "quantised", codes.bits_of(len(strategy.codebook.vectors)))
        found += codes.of_codebooks({name: strategy.codebook}, vectors)
        told = [part for part in data if part.origin.role in ROLES] or data
        records = []
        for label in sorted({part.origin.set for part in told} if args.system else ()):
            own, _ = codebooks.gather([part for part in told if part.origin.set == label], args.xvectors)
            records += codes.records(codes.of_codebooks({name: strategy.codebook}, own)[0].counts, args.system, label)
        if records:
            write_records(folder / FILE, records)
    return found


if __name__ == "__main__":
    sys.exit(main())
