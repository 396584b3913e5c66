#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""A data dir of a few utterances of every speaker of another one: many voices, little speech.

Attackers need many speakers rather than much of each. Those taken are spread over the speaker's utterances,
always the same ones. With --minutes, the first utterances of each speaker up to so much speech, as targets of a voice
conversion need it; speakers who have less are left out.

Reads    <out-dir>/<name>.
Writes   <out-dir>/<name>_few.

Examples
    local/take_utterances.py --most 6 data/openspeech/commonvoice_en data/openspeech
    local/take_utterances.py --minutes 8 --speakers 50 data/spane/libritts_train-other-500 data/spane
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pseudovox import stage


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--most", type=int, default=6, metavar="N", help="of each speaker (default: %(default)s)")
    parser.add_argument(
        "--minutes", type=float, default=0.0, metavar="M", help="of each speaker, in the place of --most"
    )
    parser.add_argument("--speakers", type=int, default=0, metavar="N", help="the first N of each gender; 0 = all")
    parser.add_argument("data_dir", type=Path, help="the data dir")
    parser.add_argument("out_dir", type=Path, help="the folder of the new data dir")
    return stage.main(parser, argv, run)


def run(args: Namespace, config: Any) -> None:
    from pseudovox.core.errors import UsageError
    from pseudovox.data.datadir import DataDir
    from pseudovox.data.datadir.selection import minutes_of_speakers, per_speaker

    if args.most < 1 or args.speakers < 0 or args.minutes < 0:
        raise UsageError(
            f"--most {args.most} --speakers {args.speakers} --minutes {args.minutes:g}: expected 1 or more, 0 or more "
            "and 0 or more"
        )
    data = DataDir.load(args.data_dir)
    chosen = minutes_of_speakers(data, args.minutes) if args.minutes else per_speaker(data, args.most)
    if args.speakers:
        gender = data.tables.get("spk2gender", {})
        of_gender: dict[str, list[str]] = {}
        having = {data.utt2spk[utterance] for utterance in chosen}
        for speaker in filter(having.__contains__, data.speakers):
            of_gender.setdefault(gender.get(speaker, ""), []).append(speaker)
        kept = {speaker for speakers in of_gender.values() for speaker in speakers[: args.speakers]}
        chosen = [utterance for utterance in chosen if data.utt2spk[utterance] in kept]
    name = f"{data.name}_few"
    settings = {"most": args.most, "speakers": args.speakers, **({"minutes": args.minutes} if args.minutes else {})}
    with stage.output(
        args, args.out_dir / name, settings=settings, inputs=[data], seeded=False, torch_device=False
    ) as out:
        if out is not None:
            part = data.subset(chosen)
            part.write(out.path)
            out.counts = {"utterances": len(part.utterances), "speakers": len(part.speakers)}


if __name__ == "__main__":
    sys.exit(main())
