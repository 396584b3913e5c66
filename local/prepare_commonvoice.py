#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Data dirs of Common Voice, sentences read by volunteers, from its published layout.

Reads    <corpus>/<language>/<table>.tsv and <language>/clips/; <corpus> may be the folder above cv-corpus-<version>.
Writes   <out-dir>/commonvoice_<language>/ with wav.scp utt2spk spk2utt text utt2lang utt2dur, and spk2gender if it is
         known of every speaker (of a table other than validated: commonvoice_<language>_<table>);
         with --adults also <the same>_adults: the speakers who say that they are female or male and of what age, and
         nowhere that they are in their teens; with spk2gender and spk2age. The audio stays where it is.

Speakers are cv<12 digits of the client_id>. The text is the sentence in upper case without punctuation; digits stay.
Who uses Common Voice promises not to try to find out who its speakers are: do not, and hold the data dirs to that.

Example: local/prepare_commonvoice.py --language en --language fr --adults /corpora/CommonVoice data/commonvoice
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument(
        "--language", action="append", metavar="NAME", help="en, zh-CN ...; repeatable; default: all that are there"
    )
    parser.add_argument(
        "--table", default="validated", metavar="NAME", help="train, dev, test, ... (default: %(default)s)"
    )
    parser.add_argument("--adults", action="store_true", help="also data dirs of those who say that they are adults")
    parser.add_argument("corpus", type=Path, help="the folder of the languages' folders")
    parser.add_argument("out_dir", type=Path, help="the folder of the data dirs")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox import corpora
    from pseudovox.corpora import commonvoice

    table = args.table.removesuffix(".tsv")
    commonvoice.check_names(args.language or [], table)
    for language in args.language or commonvoice.find_languages(args.corpus, table):
        name = f"commonvoice_{language}" + (f"_{table}" if table != "validated" else "")
        recordings = commonvoice.read(args.corpus, language, table)
        corpora.prepare(args, name, commonvoice.everybody(recordings)[: args.limit or None])
        if args.adults:
            corpora.prepare(args, f"{name}_adults", commonvoice.adults(recordings)[: args.limit or None])


if __name__ == "__main__":
    sys.exit(main())
