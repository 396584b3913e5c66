#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Convert data dirs by kNN voice conversion: frames become means of a target's nearest ones (stage synthesize).

The features of an utterance (system.options.features) are compared by cosine with all frames of its target, and the
`neighbours` nearest are averaged (Baas et al. 2023). Speech is made by WORLD (system.options.spoken=world) from the
spectral envelopes of these frames, with F0 moved to the target's, voicing and loudness of the original; or by a vocoder
that was trained on the features (--vocoder: steps/train_knnvc_vocoder.py). Every utterance keeps its id and its exact
number of samples; all tables are carried over.

In private kNN-VC (a system that sets system.options.duration_weight or clusters) a frame becomes the nearest one, or
the nearest centroid, that the target has of its phone, after durations were moved towards those that --durations
predicts; so utterances become longer or shorter, and phones.ctm is not carried over.

Reads   data dirs; the targets of steps/fit_knnvc_targets.py (--targets); <pseudo>/<data dir>/utt2target of
        steps/sample_knnvc_targets.py; the weights of the features; for WORLD <f0>/<data dir>/f0.scp of
        steps/transform_f0.py and <source-f0>/<data dir>/f0.scp of steps/extract_f0.py.
Writes  <out-dir>/<data dir>_<suffix>: data dirs with wav/<utterance>.wav, utt2target and spk2target.

Example
    steps/convert_knnvc.py --config exp/own/knnvc/config.yaml --targets exp/own/knnvc/targets \\
        --pseudo exp/own/knnvc/pseudo --f0 exp/own/knnvc/f0 --source-f0 exp/own/f0 --suffix knnvc \\
        data/own/recordings data/own
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize import sampling
from pseudovox.anonymize.knnvc.private import PrivateOptions, is_private, predictor_of
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import DataDir, bytewise, read_table, write_atomic
from pseudovox.data.datadir.tables import SPK2TARGET, UTT2TARGET


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs to be converted")
    parser.add_argument("--targets", type=Path, required=True, help="output of steps/fit_knnvc_targets.py")
    parser.add_argument("--pseudo", type=Path, required=True, help="root of what steps/sample_knnvc_targets.py drew")
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor")
    parser.add_argument("--phones", type=Path, help="model dir of the phone predictor (private kNN-VC)")
    parser.add_argument("--durations", type=Path, help="model dir of the duration predictor (private kNN-VC)")
    parser.add_argument("--f0", type=Path, help="root of the F0 to speak with (WORLD)")
    parser.add_argument("--source-f0", type=Path, help="root of the extracted F0 (WORLD)")
    parser.add_argument("--vocoder", type=Path, help="model dir of the vocoder (system.options.spoken=vocoder)")
    parser.add_argument("--suffix", required=True, help="appended to the data dirs' names, e.g. the system's name")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if not args.suffix or "/" in args.suffix:
        raise UsageError(f"--suffix {args.suffix!r}: expected a part of a folder's name")
    private = is_private(config)
    options = stage.own_options(config, PrivateOptions)
    options.check()
    predictors = [predictor_of(args.phones), predictor_of(args.durations, "durations")] if private else []
    by_world = options.spoken == "world"
    if by_world and not (args.f0 and args.source_f0):
        raise UsageError("WORLD needs F0 (--f0 and --source-f0)", "./run.sh --system knnvc gives both")
    if not by_world:
        options.check_vocoder(args.vocoder)
    contours = (args.f0, args.source_f0) if by_world else ()
    spoken_by = [] if by_world else [args.vocoder]
    data = stage.load_data(args)
    before: dict[str, Any] = {}
    if private and options.duration_weight:
        for part in data:
            part.lists.pop("phones.ctm", None)  # its times are those of the original
    from pseudovox.anonymize.knnvc import features

    weights = features.source_of(options.features, args.bottleneck)

    def worker() -> Any:
        from pseudovox.anonymize.knnvc.target_store import Store
        from pseudovox.anonymize.knnvc.worker import ConvertWorker

        speak = None
        if not by_world:
            from pseudovox.anonymize.knnvc import vocoder

            vocoder.Vocoder(args.vocoder, options.features)  # one that fits?
            speak = functools.partial(vocoder.speaker, args.vocoder, options.features, config.synthesis.level)
        store = Store(args.targets)
        store.check(options)
        for part in data:
            read_table(args.pseudo / part.name / UTT2TARGET)
            for root in contours:
                read_scp(root / part.name / "f0.scp")
        if private:
            from pseudovox.anonymize.knnvc.private_worker import PrivateConvertWorker, chains_before

            for part in data:
                before[part.name] = chains_before(
                    store.targets, part, config.pseudo, level=sampling.level_of(config, part), seed=args.seed,
                    count=options.anonymizations - 1,
                )  # fmt: skip
            return functools.partial(
                PrivateConvertWorker, options, args.targets, args.bottleneck, args.pseudo, args.f0, args.source_f0,
                config.synthesis.level, args.phones, args.durations, before, speak,
            )  # fmt: skip
        return functools.partial(
            ConvertWorker, options, args.targets, args.bottleneck, args.pseudo, args.f0, args.source_f0,
            config.synthesis.level, speak,
        )  # fmt: skip

    def finish(part: DataDir, out: Any) -> None:
        for name in (UTT2TARGET, SPK2TARGET):
            if (args.pseudo / part.name / name).exists():
                table = read_table(args.pseudo / part.name / name)
                write_atomic(out.path / name, "".join(f"{key} {table[key]}\n" for key in bytewise(table)))

    moved: dict[str, Any] = {}
    if private:
        moved = {key: getattr(options, key) for key in ("duration_weight", "anonymizations")}
        moved["phones"] = options.phones.layer
    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings={
            "features": options.features,
            "neighbours": options.neighbours,
            "spoken": options.spoken,
            "level": config.synthesis.level,
            **({"world": options.world} if by_world else {}),
            **moved,
        },
        worker=worker,
        inputs=lambda part: [
            args.targets,
            weights,
            *spoken_by,
            *predictors,
            *(root / part.name for root in (args.pseudo, *contours)),
        ],
        audio=True,
        out_names=lambda name: f"{name}_{args.suffix}",
        finish=finish,
        seeded=private and options.anonymizations > 1,
    )


if __name__ == "__main__":
    sys.exit(main())
