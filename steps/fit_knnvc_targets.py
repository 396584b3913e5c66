#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Prepare the targets of kNN voice conversion: whose frames speech is made of (stage fit).

Every speaker with enough speech becomes a target. Of its first utterances, without the silence at both ends, the
features are kept, and, where WORLD is to speak (system.options.spoken), spectral envelopes and aperiodicities. How much
room the targets will take is said before they are made; --set system.options.targets.seconds=N makes them smaller.

For private kNN-VC (a system that sets system.options.duration_weight or clusters) the frames are sorted by phone and
clustered within each, `clusters` of them (0: all frames are kept); --phones tells phones apart.

The speakers are those of the data dirs given, else of `system.options.targets.data` (data dirs), else of
`system.options.targets.folder` (recordings, <folder>/<speaker>/*.wav). Nothing else of
them is needed later.

Reads   data dirs (spk2gender, if genders count when targets are drawn), or a folder of recordings; the weights of the
        features: WavLM's or Whisper's, or the content extractor (--bottleneck).
Writes  <target>.safetensors of each; model.json: id, gender, seconds, mean and deviation of log F0 of each.

Examples
    steps/fit_knnvc_targets.py --config exp/openspeech/knnvc/config.yaml \\
        --bottleneck exp/openspeech/models/bottleneck data/openspeech/dev-clean exp/openspeech/knnvc/targets
    ./run.sh --recipe own --system knnvc --set data.folder=/my/wavs --set system.options.targets.folder=/their/wavs
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.knnvc.private import PrivateOptions, is_private, predictor_of
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.datadir import DataDir


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor")
    parser.add_argument("--phones", type=Path, help="model dir of the phone predictor (private kNN-VC)")
    parser.add_argument("data_dirs", nargs="*", type=Path, help="data dirs of the targets")
    parser.add_argument("out_dir", type=Path, help="the targets")
    parser.set_defaults(allow_pipes=False, channel=0)
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    private = is_private(config)
    options = stage.own_options(config, PrivateOptions)
    options.check()
    data = _data(args, options)
    predictor = [predictor_of(args.phones)] if private else []
    from pseudovox.anonymize.knnvc import features, target_store

    weights = features.source_of(options.features, args.bottleneck)
    settings = {
        "features": {"kind": options.features.kind, "layer": options.features.layer},
        "seconds": options.targets.seconds, "shortest": options.targets.shortest, "spoken": options.spoken,
        "f0": config.f0.extraction(),
    }  # fmt: skip
    if options.spoken == "world":
        settings["coefficients"] = options.world.coefficients
    if private:
        settings |= {
            "clusters": options.clusters,
            "phones": options.phones.layer,
            "normalise": options.features.normalise,
        }
    inputs: list[Any] = [*data, weights, *predictor]
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, seeded=private) as out:
        if out is None:
            return
        speakers = target_store.speakers_of(data, options.targets.seconds, options.targets.shortest)
        coefficients = options.world.coefficients if options.spoken == "world" else 0
        extract = features.load(options.features, bottleneck=args.bottleneck)
        size = target_store.size_of(speakers, extract.frame_shift, extract.dimensions[0], coefficients)
        seconds = sum(speaker.seconds for speaker in speakers)
        stage.log.info("%d targets, %.0f s of speech, take up to %.2f GB", len(speakers), seconds, size / 1e9)
        jobs = 1 if args.device.startswith("cuda") else args.nj
        maker: Any = functools.partial(target_store.Maker, options, config.f0, args.bottleneck)
        if private:
            from pseudovox.anonymize.knnvc.private_targets import PrivateMaker

            maker = functools.partial(
                PrivateMaker, options, config.f0, args.bottleneck, phones=args.phones, seed=args.seed
            )
        target_store.make_all(speakers, out.path, options, maker, jobs=jobs, device=args.device, step=args.step)
        out.audio_seconds = seconds
        out.counts["speakers"] = len(speakers)


def _data(args: argparse.Namespace, options: PrivateOptions) -> list[DataDir]:
    given = options.targets
    if given.folder:
        from pseudovox import corpora
        from pseudovox.corpora.folder import read_folder

        genders = Path(given.genders) if given.genders else None
        recordings = read_folder(Path(given.folder), with_text=False, genders=genders)
        return [corpora.data_dir(recordings, given.folder, jobs=args.nj)]
    args.data_dirs = [Path(path) for path in given.data] or args.data_dirs
    if not args.data_dirs:
        raise UsageError(
            "whose voices the speech is to have was not said: there is no set of targets (sets.pool)",
            "--set system.options.targets.folder=FOLDER: <speaker>/*.wav of others, half a minute of each or more",
        )
    return stage.load_data(args, reads=("spk2gender",))


if __name__ == "__main__":
    sys.exit(main())
