#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Choose whose voice every utterance gets in kNN voice conversion (stage sample).

A target is drawn for each speaker or each utterance of a data dir, as section `levels` says, of the same, the opposite
or any gender (`pseudo.target_gender`), never oneself; `pseudo.target` names one for all. With
`system.options.anonymizations` above 1 several are drawn, through which an utterance goes one after the other.

What is written of a target's voice as a pseudo x-vector is the mean over its phones of its frames or centroids: it is
what the informed attacker takes off (steps/subtract_pseudo_speakers.py), who knows the targets and who got which.

Reads   data dirs (with spk2gender, unless any gender will do); the targets of steps/prepare_targets.py.
Writes  <out-dir>/<data dir>/: utt2target, and spk2target at speaker level (whose voice is heard); utt2chain (all
        targets, the last one is heard); pseudo_xvector.{scp,ark} by utterance; spk2gender, of the targets.

Example
    steps/choose_targets.py --targets exp/openspeech/models/targets/private_knnvc_7_8 \\
        data/openspeech/test-other_enrolls exp/openspeech/private_knnvc_7_8/pseudo
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.anonymize.knnvc.private import TARGETS_KIND, PrivateOptions
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.models import store


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speakers get other voices")
    parser.add_argument("--targets", type=Path, required=True, help="output of steps/prepare_targets.py")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, PrivateOptions)
    options.check()
    facts = store.read_card(args.targets, TARGETS_KIND)["facts"]
    for data in stage.load_data(args):
        level = config.levels.of(data.name)
        if level not in ("spk", "utt"):
            raise UsageError(f"levels: {level!r} for {data.name}, expected spk or utt")
        settings = {
            "target": config.pseudo.target, "target_gender": config.pseudo.target_gender, "level": level,
            "set": data.name, "anonymizations": options.anonymizations,
        }  # fmt: skip
        inputs = [data, args.targets]
        with stage.output(args, args.out_dir / data.name, settings=settings, inputs=inputs, torch_device=False) as out:
            if out is None:
                continue
            from pseudovox.anonymize.knnvc import choice, phone_targets

            known = choice.speakers_of(facts, f"{args.targets}/model.json")
            chains, last = choice.choose(
                known, data, config.pseudo, level=level, seed=args.seed, steps=options.anonymizations
            )
            choice.write(out.path, out.final, chains, last, phone_targets.Targets(args.targets))
            drawn = len({target.id for target in last.utterances.values()})
            out.counts.update({"utterances": len(chains), "pseudo_speakers": drawn})


if __name__ == "__main__":
    sys.exit(main())
