#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Run Whisper's encoder over speech, for the content extractor to learn from (stage bottleneck, where
bottleneck.teacher names a model).

The extractor of a recipe is small and sees a few hours of speech; Whisper has seen 680,000. Learning to give what
Whisper's encoder gives teaches more than forty phone labels can. The model (MIT licence) is a CTranslate2 folder, or a
name that faster-whisper has in its cache; nothing is downloaded here.

Reads   data dirs.
Writes  <out-dir>/<data dir>/teacher.{scp,1.ark,...}: by utterance a vector every 20 ms.

Example
    steps/extract_teacher.py --set bottleneck.teacher=base data/openspeech/dev-clean exp/openspeech/teacher
"""

from __future__ import annotations

import argparse
import functools
import sys
from typing import Any

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args, reads=())
    if not config.bottleneck.teacher:
        raise UsageError("bottleneck.teacher is empty: there is no teacher to run", "--set bottleneck.teacher=base")

    def worker() -> Any:
        from pseudovox.components.teacher import TeacherWorker
        from pseudovox.models import whisper

        return functools.partial(TeacherWorker, whisper.find(config.bottleneck.teacher))

    stage.map_utterances(
        args, data, args.out_dir, settings={}, worker=worker, inputs=_model(config), arrays=("teacher",)
    )


def _model(config: Config) -> Any:
    from pseudovox.models import whisper

    return lambda _: [whisper.find(config.bottleneck.teacher) / "model.bin"]


if __name__ == "__main__":
    sys.exit(main())
