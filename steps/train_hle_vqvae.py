#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the hierarchical VQ-VAE of system hle_vqvae (stage synthesizer).

Three levels of quantised latents, from spectra to the spectra of any training speaker. The loss is the squared error of
the reconstruction and a quarter of the commitments; section system.options.losses adds perception-informed terms
(`use: {losses: vanilla}`, handcrafted, representation, all), each with a weight and the pass over the data from which
it counts. What they look through is given: the content extractor (--bottleneck), the tracker of steps/train_formants.py
(--formants), and the vocoder (--vocoder), if one is trained before the network is; without one, samples are the
source's, filtered. Spectra are computed once and kept in memory. Killed and run again, it goes on from its last
checkpoint.

Reads   data dirs of several speakers (spk2gender, if genders count when targets are drawn); model dirs of the losses.
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events. model.json tells of each speaker
        id, gender, log F0 and aperiodicity, and under facts.validation the error on held-out utterances.

Example
    steps/train_hle_vqvae.py --config exp/openspeech/hle_vqvae/config.yaml \\
        --bottleneck exp/openspeech/models/bottleneck data/openspeech/dev-clean exp/openspeech/models/hle_vqvae
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.hle_vqvae.options import HEARD, TRACKED, Options
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor (losses.content)")
    parser.add_argument("--formants", type=Path, help="model dir of the tracker (losses.formants, f0_consistency, ...)")
    parser.add_argument("--vocoder", type=Path, help="model dir of the vocoder, for losses that hear samples")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options)
    options.check()
    data = stage.load_data(args, reads=("spk2gender", "utt2dur"))
    active = options.losses.active()
    looked: dict[str, Any] = {
        "bottleneck": args.bottleneck if "content" in active else None,
        "formants": args.formants if active.keys() & set(TRACKED) else None,
        "vocoder": args.vocoder if active.keys() & set(HEARD) else None,
    }
    settings = {
        "spectra": options.spectra, "network": options.network, "commitment": options.commitment, "losses": active,
        "segment_frames": options.segment_frames, "validation": options.validation, "training": options.training,
        "f0": config.f0.extraction(),
    }  # fmt: skip
    inputs = [*data, *(model for model in looked.values() if model is not None)]
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs) as out:
        if out is None:
            return
        from pseudovox.training import hle_vqvae

        facts = stage.compute(args, out, hle_vqvae.train, data, options, config.f0, args.seed, out.path, **looked)
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())
