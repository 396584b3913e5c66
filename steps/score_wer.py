#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Word error rates of recognised speech (stage asr).

Data dirs of one set (test_trials_f and test_trials_m) are scored together and by gender. The rate is the sum of
edits over the sum of reference words; its interval is a bootstrap over speakers.

Reads   data dirs with `text` (the references), <hypotheses>/<data dir>/hyp from steps/decode_speech.py, and the
        recogniser's lm.arpa: how well its language model knows the references belongs to the result.
Writes  results.json, and edits.tsv: substitutions, deletions, insertions and words of every utterance.

Example
    steps/score_wer.py --model exp/mini/models/recognizer --hypotheses exp/mini/original/asr \\
        data/mini/test_trials_f data/mini/test_trials_m exp/mini/original/wer
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.data.datadir import read_table, write_atomic
from pseudovox.models import store


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs with the reference texts", out_dir="the results")
    parser.add_argument("--model", type=Path, required=True, help="the recogniser that was used")
    parser.add_argument("--hypotheses", type=Path, required=True, help="output of steps/decode_speech.py")
    parser.add_argument("--system", default="original", help="the system that anonymized the speech")
    parser.add_argument("--training", default="", help="what the recogniser was trained on, if not original speech")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args, need=("text",))
    store.read_card(args.model, *store.RECOGNIZERS)
    hypotheses = {part.name: args.hypotheses / part.name / "hyp" for part in data}
    read = {name: read_table(path, allow_empty=True) for name, path in hypotheses.items()}  # empty: no word was heard
    inputs = [*data, *hypotheses.values(), args.model / "lm.arpa"]
    settings = [config.wer, config.decoder, {"system": args.system}]
    if args.training:
        settings.append({"training": args.training})
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.evaluation.intelligibility import score_texts
        from pseudovox.records import write_records

        records, edits = score_texts(
            data, read, args.model, config, system=args.system, training=args.training, seed=args.seed
        )
        write_records(out.path / "results.json", records)
        rows = (
            f"{utterance}\t{found.substitutions}\t{found.deletions}\t{found.insertions}\t{found.reference_words}\n"
            for utterance, found in sorted(edits.items())
        )
        write_atomic(out.path / "edits.tsv", "utterance\tsubstitutions\tdeletions\tinsertions\twords\n" + "".join(rows))
        out.counts["utterances"] = len(edits)


if __name__ == "__main__":
    sys.exit(main())
