#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Take over the published models of system codec_lm: Bark, EnCodec and the units of HuBERT (stage fit).

system.options.published says which size of Bark and, where they are not in torchaudio's cache (local/download.py),
the files. Tensors alone are read (torch.load with weights_only); sizes are told from their shapes, and every name
must be one that the networks have. EnCodec needs the package transformers.

Reads   the file of Bark (coarse and fine transformer, EnCodec) and that of the LSTM that tells units.
Writes  <out-dir>/units, codec, lm/coarse and lm/fine, model dirs.

Example
    local/download.py BARK HUBERT_UNITS HUBERT_BASE
    steps/import_codec_lm.py --config exp/own/codec_lm/config.yaml exp/own/codec_lm/models
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.anonymize.codec_lm.options import SECTION, Options
from pseudovox.config import Config
from pseudovox.core.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("data_dirs", nargs="*", type=Path, help="not read: the set of the stage")
    parser.add_argument("out_dir", type=Path, help="the model dirs")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    from pseudovox.models.codec_lm import bark

    options = stage.own_options(config, Options)
    options.check()
    features = {"kind": options.features.kind, "layer": options.features.layer}
    if features != bark.FEATURES:
        raise UsageError(
            f"{SECTION}.features {features}: the published units are told from {bark.FEATURES}",
            " ".join(f"--set {SECTION}.features.{key}={value}" for key, value in bark.FEATURES.items()),
        )
    own = options.published

    @functools.cache
    def files() -> tuple[Path, Path]:
        from pseudovox.models import pretrained

        return (
            pretrained.weights_file(bark.FILES[own.size], own.bark, f"{SECTION}.published.bark"),
            pretrained.weights_file(bark.UNITS, own.units, f"{SECTION}.published.units"),
        )

    settings = {"size": own.size, "features": features}
    with stage.output(args, args.out_dir, settings=settings, seeded=False, torch_device=False, prepare=files) as out:
        if out is None:
            return
        from pseudovox.models import pretrained, store

        speech, semantic = files()
        weights = pretrained.tensors_of(speech, bark.FILES[own.size])
        made = {
            "units": bark.units(pretrained.tensors_of(semantic, bark.UNITS), str(semantic)),
            "lm/coarse": bark.coarse(weights, str(speech)),
            "lm/fine": bark.fine(weights, str(speech)),
        }
        made["codec"] = bark.encodec(weights, str(speech), made["lm/fine"][2]["books"])
        for name, (network, kind, hyperparameters) in made.items():
            facts = {"source": "published", **({"features": features} if name == "units" else {})}
            store.save(out.path / name, network, kind=kind, hyperparameters=hyperparameters, facts=facts)
            out.counts[name] = sum(parameter.numel() for parameter in network.parameters())


if __name__ == "__main__":
    sys.exit(main())
