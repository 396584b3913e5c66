#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Write the audio of a data dir once into plain files: what commands in wav.scp print, what segments cut out,
one channel of several.

Reads    <data-dir>; commands (`... |`) are run only with --allow-pipes: they come from the dir's author.
Writes   <new-dir>: wav/<utterance>.wav (16 kHz, mono, 16 bit) and all tables but those that describe the old audio
         (segments, recordings, features). Interrupted, it goes on where it was; utterances that fail are in
         <new-dir>.partial/failed.tsv (exit code 5).

Where there is no utt2dur, commands are run once more before, for the lengths.

Example: utils/materialize_data_dir.py --allow-pipes --nj 8 data/sph data/plain
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--allow-pipes", action="store_true", help="run the commands in wav.scp")
    parser.add_argument("--channel", type=stage.channel, default=0, help="of several: 0, 1, ... or mean (0)")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("new_dir", type=Path)
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from pseudovox.data.datadir import DataDir
    from pseudovox.data.materialize import RenderWorker

    data = DataDir.load(args.data_dir, allow_pipes=args.allow_pipes)
    data.channel = args.channel
    if "utt2dur" not in data.tables and any(entry.endswith("|") for entry in data.tables["wav.scp"].values()):
        with ThreadPoolExecutor(args.nj) as pool:
            lengths = pool.map(data.duration, data.utterances)
            data.tables["utt2dur"] = {
                one: f"{length:.4f}" for one, length in zip(data.utterances, lengths, strict=True)
            }
    args.device = "cpu"
    stage.map_utterances(
        args, [data], args.new_dir.parent, settings={}, worker=lambda: RenderWorker, audio=True, seeded=False,
        out_names=lambda name: args.new_dir.name,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
