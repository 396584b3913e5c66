#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Lay anonymized speech out as recordings: as the folder that it came from, or for release (stage publish).

Without --release every recording is written where its original lay (table utt2path), in its format and at its rate, as
long as it; mono. With --release, for giving away: names drawn with a secret key, in an order that says nothing, one
format and one date for all, no speakers; the key and the table of names lie apart. Either way files are encoded anew,
so headers and tags of the originals are gone. docs/publishing.md says what a release still tells.

Section `publish` of the configuration: format of a release, its key, whether words are published too. What was made
with a seed that can be guessed, e.g. 1, is not released unless publish.public_seed says so.

Reads   original data dirs; <data dir>_<system> beside each.
Writes  <out-dir>/<data dir>/<path of the original>
        with --release: <out-dir>/release/<name>.<format> (and transcripts.tsv), which is what to give away, and
        <out-dir>/private/{manifest.tsv,key}, which is not.

Examples
    steps/publish_speech.py --system mcadams data/own/recordings exp/own/mcadams/folder
    steps/publish_speech.py --release --system mcadams data/own/recordings exp/own/mcadams/published
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.data.datadir import write_atomic
from pseudovox.stage import digests


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="original data dirs")
    parser.add_argument("--system", required=True, help="the system, and the end of its data dirs' names")
    parser.add_argument("--release", action="store_true", help="for giving away: random names, manifest apart")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = config.publish
    data = stage.load_data(args, need=["text"] if args.release and options.text else [])
    made = stage.load_made(args, data)
    secret = Path(options.secret) if args.release and options.secret else None

    @functools.cache
    def items() -> list[Any]:
        from pseudovox import release

        if not args.release:
            return [item for part in data for item in release.folder_items(part, made[part.path])]
        for data_dir in made.values():
            marker = digests.read_marker(data_dir.path) or {}
            release.check_seed(int(marker.get("seed", args.seed)), options, str(data_dir.path))
        if secret:
            release.read_key(secret)
        form = None if options.format == release.ORIGINAL else release.form_named(options.format)
        return [item for part in data for item in release.release_items(part, made[part.path], form)]

    settings = {"format": options.format, "text": options.text} if args.release else {}
    with stage.output(
        args,
        args.out_dir,
        settings={"release": args.release, **settings},
        inputs=[*data, *made.values(), *([secret] if secret else [])],
        seeded=False,
        torch_device=False,
        prepare=items,
    ) as out:
        if out is None:
            return
        from pseudovox import release

        out.counts["recordings"] = len(items())
        if not args.release:
            out.audio_seconds = release.write_recordings(items(), out.path, args.nj)
            return
        given, private = out.path / "release", out.path / "private"
        originals = {made[part.path].path: part for part in data}
        named = release.named(items(), release.key_of(private, secret))
        out.audio_seconds = release.write_recordings(named, given, args.nj)
        if options.text:
            write_atomic(given / "transcripts.tsv", release.transcripts(named, originals))
        release.set_dates(given)
        write_atomic(private / "manifest.tsv", release.manifest(named, originals, given))


if __name__ == "__main__":
    sys.exit(main())
