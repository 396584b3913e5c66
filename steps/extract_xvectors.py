#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Extract x-vectors, by utterance and by speaker (stages embed and asv).

Reads   data dirs, and the model dir of steps/train_xvector.py.
Writes  <out-dir>/<data dir>/: xvector.{scp,1.ark,...} by utterance, spk_xvector.{scp,ark} with the means of the
        speakers, num_utts with their numbers of utterances.

Example
    steps/extract_xvectors.py --model exp/mini/models/xvector data/mini/train data/mini/test_enrolls exp/mini/xvectors
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speech is analysed")
    parser.add_argument("--model", type=Path, required=True, help="model dir of the extractor")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args, reads=())
    store.read_card(args.model, *store.speaker_networks())

    def worker() -> Any:
        from pseudovox.components.embeddings import EmbeddingWorker

        return functools.partial(EmbeddingWorker, args.model)

    def finish(part: DataDir, out: stage.Output) -> None:
        from pseudovox.components.embeddings import write_speaker_vectors

        write_speaker_vectors(part, out)

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings={},  # the model says how it is to be used
        inputs=lambda part: [args.model / "model.json", args.model / "weights.safetensors"],
        worker=worker,
        arrays=("xvector",),
        finish=finish,
    )


if __name__ == "__main__":
    sys.exit(main())
