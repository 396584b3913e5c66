#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Draw the prompt of every speaker, or every utterance, for system codec_lm (stage sample).

Whether a data dir is anonymized by speaker or by utterance is said by section `levels`, and whose prompts are of which
gender by `pseudo.target_gender` (same, opposite or any); `pseudo.target` names one for all. A draw depends on the seed,
the data dir's name and the speaker's (or the utterance's) id alone. No speaker is given its own voice. With
system.options.prompts.source none there are no prompts, and nothing is drawn here.

Reads   data dirs (with spk2gender, unless any gender will do); the output of steps/fit_codec_prompts.py (--prompts).
Writes  <out-dir>/<data dir>/: utt2target and, at speaker level, spk2target; pseudo_f0.{scp,ark}, mean and deviation of
        the voice's log F0 by utterance; spk2gender of the voices.

Example
    steps/sample_codec_prompts.py --config exp/own/codec_lm/config.yaml --prompts exp/own/codec_lm/prompts \\
        data/own/recordings exp/own/codec_lm/pseudo
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize import sampling
from pseudovox.anonymize.codec_lm.options import Options
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speakers get other voices")
    parser.add_argument("--prompts", type=Path, required=True, help="output of steps/fit_codec_prompts.py")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    own = stage.own_options(config, Options)
    own.check()
    if own.prompts.source == "none":
        stage.log.info("system.options.prompts.source none: there is nothing to draw")
        return

    def prepared(folder: Path) -> Any:
        from pseudovox.anonymize.codec_lm.prompts import Store

        return Store(folder).targets, {}

    sampling.draw_prepared(args, config, args.prompts, prepared)


if __name__ == "__main__":
    sys.exit(main())
