#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the vocoder of kNN voice conversion (stage synthesizer).

HiFi-GAN on the features that the system matches (system.options.features: layers of WavLM, of Whisper's encoder or of
the content extractor), without x-vector or F0, trained as kNN-VC's: every training utterance is rebuilt from the k
nearest frames of the speaker's other utterances, those of the same folder (LibriSpeech: chapter) where there are any,
and the vocoder learns to give back the utterance itself. Sizes, losses and training: system.options.vocoder. With
`source: published` the vocoder of kNN-VC's authors is taken over in place of a training
(layer 6 of WavLM alone; steps/import_knnvc_vocoder.py takes over a
file of your own into any folder).

Features are first extracted and matched by --nj processes, into a folder that goes when training ends: 4 bytes a
number, 205 kB a second of speech with WavLM Large, and 64 kB of samples. Killed and run again, it goes on from its last
checkpoint.

Reads   data dirs; for features of kind bottleneck, the model dir of steps/train_bottleneck.py.
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events.

Example
    steps/train_knnvc_vocoder.py --config exp/mini/config.yaml data/mini/train exp/mini/models/knnvc
"""

from __future__ import annotations

import argparse
import copy
import functools
import shutil
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.anonymize.knnvc.options import Options
from pseudovox.anonymize.knnvc.vocoder_options import SECTION
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor (features of that kind)")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options, others=True)
    options.vocoder.check()
    (take_over if options.vocoder.source == "published" else train)(args, options)


def take_over(args: argparse.Namespace, options: Options) -> None:
    from pseudovox.models import knnvc_published, store

    options.check_published(knnvc_published.FEATURES)
    own = options.vocoder
    find = functools.cache(
        lambda: knnvc_published.file_of(own.weights, prematched=own.prematched, key=f"{SECTION}.weights")
    )
    settings = {"source": own.source, "prematched": own.prematched}
    with stage.output(args, args.out_dir, settings=settings, seeded=False, torch_device=False, prepare=find) as out:
        if out is None:
            return
        network, hyperparameters, facts = knnvc_published.read(find(), prematched=own.prematched)
        store.save(out.path, network, kind="feature_hifigan", hyperparameters=hyperparameters, facts=facts)
        out.counts["parameters"] = sum(parameter.numel() for parameter in network.parameters())


def train(args: argparse.Namespace, options: Options) -> None:
    from pseudovox.anonymize.knnvc import features

    data = stage.load_data(args, reads=("utt2dur",))
    source = features.source_of(options.features, args.bottleneck)
    with stage.output(args, args.out_dir, settings=options, inputs=[*data, source]) as out:
        if out is None:
            return
        from pseudovox.anonymize.knnvc import prematching
        from pseudovox.training import knn_vocoder

        alone = prematching.speakers_of_one(data) if options.vocoder.prematched else []
        if alone:
            stage.log.warning(
                "%d speakers have one utterance, which has nothing to be matched with and is taken as it is, e.g. %s",
                len(alone), alone[0],
            )  # fmt: skip
        frames = out.path / "frames"
        each = copy.copy(args)
        each.force = False
        stage.map_utterances(
            each,
            data,
            frames,
            settings=options,
            inputs=lambda part: [source],
            worker=lambda: functools.partial(prematching.PrematchWorker, options, args.bottleneck, args.seed),
            arrays=knn_vocoder.ARRAYS,
            seeded=True,
        )
        facts = stage.compute(
            args, out, knn_vocoder.train, data, frames, options.vocoder, prematching.facts_of(options), args.seed,
            out.path,
        )  # fmt: skip
        shutil.rmtree(frames)
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())
