#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Take over a recogniser that others trained, as the one that measures intelligibility (stage asr).

One of torchaudio's bundles, named by `recognizer.bundle` of the configuration: wav2vec 2.0 large, fine-tuned on the
960 hours of LibriSpeech (WAV2VEC2_ASR_LARGE_LV60K_960H), is the closest to what the VoicePrivacy Challenge 2024 uses.
It writes down characters, with no language model. steps/train_recognizer.py fine-tunes it on anonymized speech, where
`recognizer.retrained` asks for that.

Nothing is downloaded here. The weights (1.3 GB) are taken from torchaudio's cache, where
`local/download.py WAV2VEC2_ASR_LARGE_LV60K_960H` puts them on a machine with internet, or from the file
`recognizer.weights`.

Writes  a model dir: model.json, weights.safetensors.

Example
    steps/import_recognizer.py --set recognizer.kind=wav2vec2 exp/mini/models/recognizer
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.models import pretrained
from pseudovox.stage.digests import digest_path


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("out_dir", type=Path, help="the model dir")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = config.recognizer
    pretrained.cache_file(options.bundle)  # a bundle that is known?
    settings = {"bundle": options.bundle}
    if options.weights:  # what is in the cache goes by the bundle's name, and may be removed afterwards
        settings["weights"] = digest_path(Path(options.weights))
    find = functools.partial(pretrained.weights_file, options.bundle, options.weights, "recognizer.weights")
    with stage.output(args, args.out_dir, settings=settings, seeded=False, torch_device=False, prepare=find) as out:
        if out is None:
            return
        from pseudovox.components.recognition.decoding import import_bundle

        out.counts["parameters"] = import_bundle(options.bundle, options.weights, out.path)


if __name__ == "__main__":
    sys.exit(main())
