#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the vocoder of system hle_vqvae (stage synthesizer).

HiFi-GAN from the spectra that the system converts (system.options.spectra) to samples at their rate, against
discriminators; sizes and training: system.options.vocoder. Its speech is brought to 16 kHz in use. Systems whose
system.options.spoken is world need none, and this step does nothing for them. Killed and run again, it goes on from
its last checkpoint.

Reads   data dirs, of any speakers; recordings at the rate of the spectra or above.
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events.

Example
    steps/train_hle_vocoder.py --config exp/vctk/hle_vqvae/config.yaml data/vctk/vctk exp/vctk/models/hle_vocoder
"""

from __future__ import annotations

import argparse
import sys

from pseudovox import stage
from pseudovox.anonymize.hle_vqvae.options import Options
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options)
    options.check()
    if options.spoken != "vocoder":
        stage.log.info("system.options.spoken %s: no vocoder is needed, and none is trained", options.spoken)
        return
    data = stage.load_data(args, reads=())
    settings = [options.spectra, options.vocoder]
    with stage.output(args, args.out_dir, settings=settings, inputs=data) as out:
        if out is None:
            return
        from pseudovox.training import mel_vocoder

        facts = stage.compute(args, out, mel_vocoder.train, data, options, args.seed, out.path)
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())
