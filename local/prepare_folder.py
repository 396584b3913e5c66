#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""A data dir from a folder of your own recordings: any format, rate and channels that libsndfile reads.

Reads    <folder>/<speaker>/.../<name>.wav (.flac .ogg .mp3 ...): the first folder level is the speaker. A file at the
         top of the folder is a speaker of its own; with --one-speaker all files are of one. <name>.txt beside
         the audio holds its words, for all files or for none.
Writes   <out-dir>/<name>/ with wav.scp utt2spk spk2utt utt2dur utt2path, and text and spk2gender where known. Ids
         are made of the file names; utt2path says which is which. The audio stays where it is.

Every file is decoded once. One that is unreadable, cut off or empty is left out and named, with what to do, in
<out-dir>/<name>/failed.tsv, and the exit code is then 5. Of several channels the first one that is not silent is taken
(table reco2channel, where that is not the first of all).

Example: local/prepare_folder.py --spk2gender genders.txt ~/recordings data/own
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.core.errors import DataError
from pseudovox.data.datadir import DataDir


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--name", default="recordings", help="the data dir's name (default: %(default)s)")
    parser.add_argument("--one-speaker", action="store_true", help="all files are of one speaker")
    parser.add_argument("--spk2gender", type=Path, metavar="FILE", help="lines `<speaker> f|m` for all")
    parser.add_argument("--no-text", action="store_true", help="do not look for <name>.txt")
    parser.add_argument("folder", type=Path, help="the folder of recordings")
    parser.add_argument("out_dir", type=Path, help="the folder of the data dirs")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox import corpora
    from pseudovox.corpora.folder import read_folder
    from pseudovox.data.audio import RECO2CHANNEL, survey

    unreadable: dict[str, DataError] = {}
    recordings = read_folder(
        args.folder, one_speaker=args.one_speaker, with_text=not args.no_text, genders=args.spk2gender,
        unreadable=unreadable,
    )[: args.limit or None]  # fmt: skip
    channels: dict[Path, int] = {}

    def duration(path: Path) -> float:
        found = survey(path)
        channels[path] = found.channel
        return found.seconds

    def finish(data: DataDir) -> None:
        if any(channels.values()):
            own = {one.utterance: str(channels[one.audio]) for one in recordings if one.audio in channels}
            data.tables[RECO2CHANNEL] = own

    corpora.prepare(args, args.name, recordings, duration=duration, finish=finish, unreadable=unreadable)


if __name__ == "__main__":
    sys.exit(main())
