#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Make the prompts of system codec_lm: units and codes of the voices that speech is to have (stage fit).

system.options.prompts.source says whose: `pool`, the speakers of the data dirs given, of each the end of one
utterance that the seed draws; `folder`, voices that others made (system.options.prompts.folder with <voice>.npz, in
the form of Bark's voices); `none`, nobody's: the models then begin with a voice that they draw, and there is nothing
to do here.

Reads   data dirs (spk2gender, if genders count when voices are drawn) or a folder of voices; the model dirs of units
        (--units) and codec (--codec), and for features of kind bottleneck that of the content extractor.
Writes  <voice>.npz of each (semantic_prompt, coarse_prompt, fine_prompt); voices.json: id, gender, mean and deviation
        of log F0 of each.

Example
    steps/fit_codec_prompts.py --config exp/openspeech/codec_lm_small/config.yaml \\
        --units exp/openspeech/models/codec_lm/units \\
        --codec exp/openspeech/models/codec_lm/codec --bottleneck exp/openspeech/models/bottleneck \\
        data/openspeech/dev-clean exp/openspeech/codec_lm_small/prompts
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.codec_lm.options import Options
from pseudovox.config import Config
from pseudovox.core.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--units", type=Path, required=True, help="model dir of the semantic units")
    parser.add_argument("--codec", type=Path, required=True, help="model dir of the codec")
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor")
    parser.add_argument("data_dirs", nargs="*", type=Path, help="data dirs of the voices")
    parser.add_argument("out_dir", type=Path, help="the prompts")
    parser.set_defaults(allow_pipes=False, channel=0)
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options)
    options.check()
    own = options.prompts
    if own.source == "none":
        stage.log.info("system.options.prompts.source none: there are no prompts, voices are the models' own")
        return
    data: list[Any] = []
    inputs: list[Any] = [args.units, args.codec]
    if own.source == "pool":
        if not args.data_dirs:
            raise UsageError(
                "whose voices the speech is to have was not said: there is no set of speakers (sets.pool)",
                "--set system.options.prompts.source=none, or =folder with system.options.prompts.folder",
            )
        from pseudovox.anonymize.knnvc import features

        data = stage.load_data(args, reads=("spk2gender",))
        inputs += [*data, features.source_of(options.features, args.bottleneck)]
    else:
        if not Path(own.folder).is_dir() or not own.folder:
            raise UsageError(
                f"system.options.prompts.folder {own.folder!r}: no such folder of voices (<voice>.npz)",
                "--set system.options.prompts.folder=FOLDER, or --set system.options.prompts.source=none",
            )
        inputs.append(Path(own.folder))
    settings = {"source": own.source, "seconds": own.seconds, "f0": config.f0.extraction()}
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.anonymize.codec_lm import codecs, prompts, semantic

        codec = codecs.load(args.codec)
        if own.source == "pool":
            tell = semantic.Semantic(args.units, options.features, args.bottleneck)
            voices = prompts.of_speakers(
                data, tell, codec, config.f0, own.seconds, args.seed, aligned=options.source == "train"
            )
        else:
            units = semantic.units_of(args.units)
            voices = prompts.from_folder(Path(own.folder), codec, units, config.f0)
        prompts.write(out.path, voices)
        out.counts["voices"] = len(voices)


if __name__ == "__main__":
    sys.exit(main())
