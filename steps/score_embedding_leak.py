#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Measure what an embedding tells of emotions and, alone, of speakers (stage utility).

An embedding that goes past the anonymization beside an anonymized voice (steps/extract_emotion.py) should tell much of
the emotion and little of the speaker. UAR: unweighted average recall of a linear classifier, trained on the training
data dirs, on the enrolment and trial data dirs, whose speakers are others. EER: of an attacker that has nothing but
the embedding, by cosine and by a PLDA of the training data dirs. Both with 95 % intervals over speakers.

Any archive of vectors by utterance can be measured, x-vectors as well (--array xvector), for comparison.

Reads   training data dirs (--train) with utt2emo; pairs of an enrolment data dir (`enrolls`, utt2emo) and a trial data
        dir (`trials`, utt2emo); <embeddings>/<data dir>/<array>.scp of all of them.
Writes  results.json: records of the metrics embedding_uar, embedding_eer_cosine and embedding_eer_plda, by set and
        gender, and of all together.

Example
    steps/score_embedding_leak.py --embeddings exp/ravdess/emotion --train data/ravdess/train \\
        data/ravdess/test_enrolls data/ravdess/test_trials_f data/ravdess/test_enrolls data/ravdess/test_trials_m \\
        exp/ravdess/emotion_leak
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_alike
from pseudovox.data.datadir import DataDir


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="enrolment and trial data dirs in turn", out_dir="the results")
    parser.add_argument("--embeddings", type=Path, required=True, help="root of the embeddings")
    parser.add_argument("--array", default="emotion", metavar="NAME", help="which archive of each folder: emotion")
    parser.add_argument("--train", type=Path, action="append", required=True, metavar="DIR", help="training data dir")
    parser.add_argument("--system", default="", help="what was embedded, for the records; default: the array's name")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if len(args.data_dirs) % 2:
        raise UsageError(f"{len(args.data_dirs)} data dirs: expected pairs of an enrolment and a trial dir")
    train = [DataDir.load(path, need=("utt2emo",), allow_pipes=args.allow_pipes) for path in args.train]
    data = stage.load_data(args, need=("utt2emo",))
    pairs = list(zip(data[::2], data[1::2], strict=True))
    for enrolment, trials in pairs:
        trials.check_trials(enrolment)
    every: dict[str, DataDir] = {str(part.path): part for part in [*train, *data]}
    folders = {path: args.embeddings / part.name for path, part in every.items()}
    vectors = read_alike({path: folder / f"{args.array}.scp" for path, folder in folders.items()})
    settings = [config.scoring, config.emotion, {"array": args.array, "system": args.system}]
    inputs = [*every.values(), *folders.values()]
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.evaluation import embedding_leak
        from pseudovox.records import write_records

        named = {"system": args.system or args.array, "seed": args.seed}
        test = list({str(part.path): part for part in data}.values())
        records = embedding_leak.emotion_records(train, test, vectors, config, **named)
        records += embedding_leak.speaker_records(train, pairs, vectors, config, **named)
        write_records(out.path / "results.json", records)
        out.counts["trials"] = sum(len(trials.trials) for _, trials in pairs)


if __name__ == "__main__":
    sys.exit(main())
