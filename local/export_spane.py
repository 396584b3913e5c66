#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Data files of SpAnE from data dirs, original or anonymized; the way back from local/prepare_spane.py.

Reads    data dirs whose utterances are whole files.
Writes   <out-dir>/<data dir>.txt, a JSON object an utterance: path (with {root} for files below --root), duration,
         label, text, gender, target, and the other tables, utt_<key> for utt2<key>; for data dirs with `enrolls` or
         `trials` also <data dir>.enrolls.txt or <data dir>.trials.txt, SpAnE's lists (a file's name without its ending
         a line).

Example: local/export_spane.py --root /corpora data/spane/test-clean data/spane/libri_test_enrolls exp/spane/datafiles
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs", out_dir="the folder of the data files")
    parser.add_argument("--root", type=Path, metavar="FOLDER", help="files below it are written with {root}")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox.corpora import spane
    from pseudovox.data.datadir import write_atomic

    data = stage.load_data(args)
    made = {f"{part.name}.txt": spane.lines(part, args.root) for part in data}
    for part in data:
        if "enrolls" in part.lists:
            made[f"{part.name}.enrolls.txt"] = spane.stems(part, part.enrolls)
        if part.trials:
            tried = list(dict.fromkeys(trial.utterance for trial in part.trials))
            made[f"{part.name}.trials.txt"] = spane.stems(part, tried)
    settings = {"root": str(args.root or "")}
    with stage.output(args, args.out_dir, settings=settings, inputs=data, seeded=False, torch_device=False) as out:
        if out is None:
            return
        for name, lines in made.items():
            write_atomic(out.path / name, "".join(f"{line}\n" for line in lines))
        out.counts = {"utterances": sum(len(part.utterances) for part in data)}


if __name__ == "__main__":
    sys.exit(main())
