#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Measure how fast a system anonymizes, and in how much memory (stage utility).

The real-time factor (seconds of work per second of speech) for speech of each length in `speed.durations`, at batch 1
and at the best batch, in total and by part; models loaded and warm, files left out. The first utterance of the data dir
is cut or repeated to exactly each length. One thread, as a job of the recipe has (speed.threads). On a GPU, and on its
machine's CPU as well.

Of an x-vector system the models are given, and the parts are embed, f0, content, synthesize. Of any other, its steps'
command lines (--command), and the parts are these scripts: what their workers do for an utterance is timed.

Figures of a busy machine are those of a busy machine: run it alone.

Reads   a data dir, and the models of the system, or what its steps read.
Writes  <out-dir>/speed.json (every row, and the machine), results.json.

Examples
    steps/measure_speed.py --set speed.durations=[5,20] --system pca_gmm --xvector exp/mini/models/xvector \\
        --bottleneck exp/mini/models/bottleneck --synthesizer exp/mini/models/synthesizer \\
        data/mini/test_trials_f exp/mini/pca_gmm/speed
    steps/measure_speed.py --set speed.durations=[20] --system mcadams \\
        --command "steps/anonymize_mcadams.py data/mini/test_trials_f data/mini" data/mini/test_trials_f out
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.datadir import write_json
from pseudovox.models import store
from pseudovox.records import write_records

MODELS = ("xvector", "bottleneck", "synthesizer")


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the first utterance of the first is used")
    parser.add_argument("--system", required=True, help="the system's name, for the records")
    for name in MODELS:
        parser.add_argument(f"--{name}", type=Path, help=f"model dir of the {name} of an x-vector system")
    parser.add_argument("--command", action="append", default=[], metavar="WORDS", help="a step of another system")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    _check(args, config)
    args.data_dirs = args.data_dirs[:1]
    data = stage.load_data(args)[0]
    data = data.subset(data.utterances[:1])
    models = [] if args.command else [args.xvector, args.bottleneck, args.synthesizer]
    known = (store.speaker_networks(), store.content_extractors(), store.synthesizers())
    for model, kinds in zip(models, known, strict=False):
        store.read_card(model, *kinds)
    settings = [config.speed, config.f0, config.synthesis, {"system": args.system, "device": args.device}]
    if args.command:
        settings.append({"commands": args.command, "options": config.system.options})
    with stage.output(args, args.out_dir, settings=settings, inputs=[data, *models], seeded=False) as out:
        if out is None:
            return
        import torch

        from pseudovox.data.audio import load
        from pseudovox.evaluation import speed

        torch.set_num_threads(config.speed.threads)
        samples = load(data, data.utterances[0])
        devices = [args.device, *(["cpu"] if args.device.startswith("cuda") else [])]
        rows, machines = [], {}
        for device in devices:
            system: speed.System
            if args.command:
                shared = [*(["--config", str(args.config)] if args.config else []), "--device", device]
                shared += [word for override in args.set for word in ("--set", override)]
                system = speed.StepSystem([line.split() for line in args.command], shared, device)
            else:
                system = speed.XvectorSystem(args.xvector, args.bottleneck, args.synthesizer, config, device)
            rows += speed.measure_all(system.run, samples, config.speed, device)
            machines[device] = speed.machine_facts(device, config.speed.threads)
        found = {"machine": machines[args.device], "machines": machines, "options": asdict(config.speed)}
        write_json(out.path / "speed.json", {**found, "rows": [asdict(row) for row in rows]})
        records = speed.records(rows, machines, args.system, args.device, config.speed.repetitions)
        write_records(out.path / "results.json", records)
        out.counts["rows"] = len(rows)


def _check(args: argparse.Namespace, config: Config) -> None:
    options = config.speed
    given = [name for name in MODELS if getattr(args, name)]
    if (given and args.command) or (not args.command and len(given) < len(MODELS)):
        raise UsageError(f"{args.system}: expected --{', --'.join(MODELS)}, or --command, not both")
    if not options.durations or min(options.durations) < 0.5 or len(set(options.durations)) < len(options.durations):
        raise UsageError(
            f"speed.durations {options.durations}: expected seconds, 0.5 or more, each once",
            "--set speed.durations=[5,10,20,60]",
        )
    if options.repetitions < 1 or options.warm_ups < 0 or options.largest_batch < 1 or options.threads < 1:
        raise UsageError("speed: repetitions, largest_batch and threads must be positive, warm_ups 0 or more")


if __name__ == "__main__":
    sys.exit(main())
