#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Extract FACodec's timbres, by utterance and by speaker (stage sample).

They are written as x-vectors are, so that whatever works on x-vectors works on timbres: steps/fit_pseudo_speakers.py,
steps/sample_pseudo_speakers.py, steps/plot_diversity.py. With system.options.normalise each is brought to length 1.

Reads   data dirs; the codec: system.options.codec.model, else the published weights
        (system.options.codec.source=published), else --codec.
Writes  <out-dir>/<data dir>/: xvector.{scp,1.ark,...} by utterance, spk_xvector.{scp,ark} with the means of the
        speakers, num_utts with their numbers of utterances.

Example
    steps/extract_timbre.py --config exp/own/facodec/config.yaml data/own/recordings exp/own/facodec/timbre
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox import stage
from pseudovox.anonymize.facodec.options import Options
from pseudovox.config import Config

if TYPE_CHECKING:
    from pseudovox.data.datadir import DataDir


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speech is analysed")
    parser.add_argument("--codec", type=Path, help="model dir of the recipe's codec")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options)
    options.check()
    data = stage.load_data(args, reads=())
    from pseudovox.anonymize.facodec import speech

    sources = speech.source_of(options, args.codec)

    def worker() -> Any:
        from pseudovox.anonymize.facodec.worker import TimbreWorker

        return functools.partial(TimbreWorker, options, args.codec)

    def finish(part: DataDir, out: stage.Output) -> None:
        from pseudovox.components.embeddings import write_speaker_vectors

        write_speaker_vectors(part, out)

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings={"normalise": options.normalise},
        inputs=lambda part: sources,
        worker=worker,
        arrays=("xvector",),
        finish=finish,
    )


if __name__ == "__main__":
    sys.exit(main())
