#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Data dirs of VoxCeleb 1 or 2 from its published layout, and of its official lists of trials.

Reads    <corpus>/<dev|test>/<wav|aac>/<speaker>/<video>/*.wav (or .flac), and vox1_meta.csv or vox2_meta.csv in
         <corpus> or the folder above. VoxCeleb 2 comes as m4a, which must be converted first: the message says how.
Writes   <out-dir>/vox<1|2>_<dev|test>/ with wav.scp utt2spk spk2utt spk2gender utt2dur; for every --trials list also
         <out-dir>/<list>_enrolls (file `enrolls`; each enrolled file is a speaker model of its own, named by its
         utterance) and <list>_trials (file `trials`). The audio stays where it is.

Example: local/prepare_voxceleb.py --trials veri_test2.txt /corpora/VoxCeleb1 data/voxceleb
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--part", action="append", choices=("dev", "test", "all"), help="default: all that are there")
    parser.add_argument("--meta", type=Path, metavar="FILE", help="vox<1|2>_meta.csv, if it lies elsewhere")
    parser.add_argument(
        "--trials", action="append", default=[], type=Path, metavar="LIST",
        help="veri_test2.txt, list_test_all2.txt, list_test_hard2.txt (repeatable)",
    )  # fmt: skip
    parser.add_argument("corpus", type=Path, help="the folder of dev and test")
    parser.add_argument("out_dir", type=Path, help="the folder of the data dirs")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox import corpora
    from pseudovox.core.errors import MissingModelError
    from pseudovox.corpora import voxceleb
    from pseudovox.data.datadir import DataDir

    parts = voxceleb.find_parts(args.corpus)
    everything: list[corpora.Recording] = []
    for part in args.part or parts:
        if part not in parts:
            hint = f"--part {next(iter(parts))}, or {voxceleb.HINT}"
            raise MissingModelError(f"{args.corpus}: no part {part}; found {', '.join(parts)}", hint)
        version = voxceleb.version_of(parts[part])
        meta = args.meta or voxceleb.find_meta(args.corpus, version)
        recordings = voxceleb.read_part(parts[part], voxceleb.read_genders(meta), meta)
        everything += recordings
        corpora.prepare(args, f"vox{version}_{part}", recordings[: args.limit or None])
    for path in args.trials:
        enrolment, tests, lines = voxceleb.trial_sets(everything, path)

        def add_trials(data: DataDir, lines: list[str] = lines) -> None:
            data.lists["trials"] = lines

        corpora.prepare(args, f"{path.stem}_enrolls", enrolment, finish=voxceleb.add_enrolls)
        corpora.prepare(args, f"{path.stem}_trials", tests, finish=add_trials, protocol=lines)


if __name__ == "__main__":
    sys.exit(main())
