#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Add utt2dur, the length of every utterance in seconds, to a data dir that has none.

Lengths are those of segments, else of the headers of the audio files, else (without wav.scp) frames of
utt2num_frames times the frame shift.

Reads    <data-dir>.
Writes   <data-dir>/utt2dur; nothing if it is there.

Example: utils/get_utt2dur.py --nj 8 data/mine
"""

import os
import sys
from argparse import Namespace
from pathlib import Path

from pseudovox.core import command
from pseudovox.core.errors import DataError


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument("--nj", type=int, default=os.cpu_count() or 1, help="files read at a time (one per core)")
    parser.add_argument("--frame-shift", type=float, default=0.01, help="seconds (default: %(default)s)")
    parser.add_argument(
        "--read-entire-file", choices=("true", "false"), nargs="?", const="true", default="false",
        help="decode the files rather than trust their headers",
    )  # fmt: skip
    parser.add_argument("--allow-pipes", action="store_true", help="run the commands in wav.scp")
    parser.add_argument("data_dir", type=Path)
    return command.main(parser, argv, run)


def run(args: Namespace) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from pseudovox.data.datadir import DataDir, write_atomic

    if (args.data_dir / "utt2dur").exists():
        print(f"{args.data_dir}/utt2dur: is there already")
        return
    data = DataDir.load(args.data_dir, allow_pipes=args.allow_pipes, audio=False)

    def seconds(utterance: str) -> float:
        if "segments" in data.tables:
            return data.duration(utterance)
        if "wav.scp" not in data.tables:
            return int(float(data.table("utt2num_frames")[utterance])) * args.frame_shift
        entry = data.tables["wav.scp"][utterance]
        if args.read_entire_file == "true" and not entry.endswith("|"):
            from pseudovox.data.audio import decoded_duration

            return decoded_duration(entry)
        return data.duration(utterance)

    with ThreadPoolExecutor(max(args.nj, 1)) as pool:
        data.tables["utt2dur"] = {
            utterance: f"{length:.6f}".rstrip("0").rstrip(".")
            for utterance, length in zip(data.utterances, pool.map(seconds, data.utterances), strict=True)
        }
    for utterance, length in data.tables["utt2dur"].items():
        if float(length) <= 0:
            raise DataError(f"{data.where('wav.scp', utterance)}: {utterance} holds no samples", "leave it out")
    write_atomic(args.data_dir / "utt2dur", data.content("utt2dur"))
    print(f"{args.data_dir}/utt2dur: {sum(map(float, data.tables['utt2dur'].values())) / 3600:.2f} hours")


if __name__ == "__main__":
    sys.exit(main())
