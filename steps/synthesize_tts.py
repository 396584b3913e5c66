#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Speak phones with their prosody in the voices of pseudo-speakers (stage synthesize).

The network of steps/train_tts.py makes acoustic frames, and WORLD speech of them (or --vocoder, of log-mel energies).
Where durations are the recording's own an utterance keeps its exact number of samples; with system.options.predicted
durations, F0 and energy are as the network expects them, and only the silence at both ends lasts as long as it did. All
tables are carried over, but phones.ctm where durations are not the recording's. What has no phones is digital silence.

Reads   data dirs; the model dir of steps/train_tts.py (--model); <prosody>/<data dir>/prosody.scp of
        steps/extract_prosody.py or steps/transform_prosody.py; <pseudo>/<data dir>/pseudo_xvector.scp and, if there is
        one, pseudo_f0.scp of steps/sample_pseudo_speakers.py; with --emotion
        <emotion>/<data dir>/emotion.scp.
Writes  <out-dir>/<data dir>_<suffix>: data dirs with wav/<utterance>.wav.

Example
    steps/synthesize_tts.py --config exp/openspeech/sttts/config.yaml --model exp/openspeech/models/tts \\
        --prosody exp/openspeech/sttts/moved --pseudo exp/openspeech/sttts/pseudo --suffix sttts \\
        data/openspeech/test-other data/openspeech
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.sttts.options import Options
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_scp
from pseudovox.models import store


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs, original")
    parser.add_argument("--model", type=Path, required=True, help="model dir of text to speech")
    parser.add_argument("--prosody", type=Path, required=True, help="root of the prosody to speak with")
    parser.add_argument("--pseudo", type=Path, required=True, help="root of the pseudo-speakers")
    parser.add_argument("--emotion", type=Path, help="root of the embeddings of emotion (a system with an emotion)")
    parser.add_argument("--vocoder", type=Path, help="model dir of a vocoder (system.options.tts.target=mel)")
    parser.add_argument("--suffix", required=True, help="appended to the data dirs' names, e.g. the system's name")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if not args.suffix or "/" in args.suffix:
        raise UsageError(f"--suffix {args.suffix!r}: expected a part of a folder's name")
    options = stage.own_options(config, Options)
    options.check()
    data = stage.load_data(args)
    store.read_card(args.model, "text_to_speech")
    if options.predicted or options.transforms.duration:
        for part in data:
            part.lists.pop("phones.ctm", None)  # its times are those of the original

    def worker() -> Any:
        from pseudovox.anonymize.sttts.workers import SpeakWorker

        for part in data:
            read_scp(args.prosody / part.name / "prosody.scp")
            read_scp(args.pseudo / part.name / "pseudo_xvector.scp")
            if args.emotion is not None:
                read_scp(args.emotion / part.name / "emotion.scp")
        return functools.partial(
            SpeakWorker, args.model, config.synthesis, config.f0, args.vocoder, args.prosody, args.pseudo, args.emotion,
            options.predicted,
        )  # fmt: skip

    given = [root for root in (args.prosody, args.pseudo, args.emotion) if root is not None]
    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings={
            "synthesis": config.synthesis, "predicted": options.predicted, "emotion": args.emotion is not None,
            "range": [config.f0.floor, config.f0.ceiling],
        },
        worker=worker,
        inputs=lambda part: [
            args.model, *([args.vocoder] if args.vocoder else []), *(root / part.name for root in given)
        ],
        audio=True,
        out_names=lambda name: f"{name}_{args.suffix}",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
