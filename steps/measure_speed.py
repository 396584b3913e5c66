#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Measure how fast a system anonymizes, and in how much memory (stage utility).

The real-time factor (seconds of work per second of speech) for speech of each length in `speed.durations`, at batch 1
and at the best batch, in total and by part (embed, f0, content, synthesize); models loaded and warm, files left out.
The first utterance of the data dir is cut or repeated to exactly each length. One thread, as a job of the recipe has.
For systems that are made of these parts, which x-vector systems are.

Figures of a busy machine are those of a busy machine: run it alone.

Reads   a data dir, and the models of the system.
Writes  <out-dir>/speed.json (every row, and the machine), results.json.

Example
    steps/measure_speed.py --set speed.durations=[5,20] --system pca_gmm --xvector exp/mini/models/xvector \\
        --bottleneck exp/mini/models/bottleneck --synthesizer exp/mini/models/synthesizer \\
        data/mini/test_trials_f exp/mini/pca_gmm/speed
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
from pseudovox.records import Record, write_records


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the first utterance of the first is used")
    parser.add_argument("--system", required=True, help="the system's name, for the records")
    for name in ("xvector", "bottleneck", "synthesizer"):
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"model dir of the {name}")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    _check(config)
    args.data_dirs = args.data_dirs[:1]
    data = stage.load_data(args)[0]
    data = data.subset(data.utterances[:1])
    models = [args.xvector, args.bottleneck, args.synthesizer]
    known = (store.speaker_networks(), store.content_extractors(), store.synthesizers())
    for model, kinds in zip(models, known, strict=True):
        store.read_card(model, *kinds)
    settings = [config.speed, config.f0, config.synthesis, {"system": args.system, "device": args.device}]
    with stage.output(args, args.out_dir, settings=settings, inputs=[data, *models], seeded=False) as out:
        if out is None:
            return
        import torch

        from pseudovox.data.audio import load
        from pseudovox.evaluation import speed

        torch.set_num_threads(config.speed.threads)
        samples = load(data, data.utterances[0])
        system = speed.XvectorSystem(args.xvector, args.bottleneck, args.synthesizer, config, args.device)
        rows = speed.measure_all(system.run, samples, config.speed, args.device)
        machine = speed.machine_facts(args.device, config.speed.threads)
        found = {"machine": machine, "options": asdict(config.speed), "rows": [asdict(row) for row in rows]}
        write_json(out.path / "speed.json", found)
        where = [
            machine["processor"],
            f"{machine['threads']} thread(s)",
            *([machine["gpu"]] if "gpu" in machine else []),
        ]
        records = []
        for row in rows:
            details = {name: value for name, value in asdict(row).items() if name not in ("factor", "low", "high")}
            details |= {"device": args.device, "machine": ", ".join(where)}
            batch = "batch_1" if row.batch == 1 else "best_batch"
            records.append(
                Record(
                    f"real_time_factor_{row.seconds:g}s_{batch}",
                    row.factor,
                    system=args.system,
                    ci_low=row.low,
                    ci_high=row.high,
                    n=config.speed.repetitions,
                    n_of="repetitions",
                    details=details,
                )
            )
        write_records(out.path / "results.json", records)
        out.counts["rows"] = len(rows)


def _check(config: Config) -> None:
    options = config.speed
    if config.system.name and "synthesize" not in config.system.stages:
        raise UsageError(f"{config.system.name}: not made of x-vector, F0, content and synthesis, so not measured here")
    if not options.durations or min(options.durations) < 0.5 or len(set(options.durations)) < len(options.durations):
        raise UsageError(
            f"speed.durations {options.durations}: expected seconds, 0.5 or more, each once",
            "--set speed.durations=[5,10,20,60]",
        )
    if options.repetitions < 1 or options.warm_ups < 0 or options.largest_batch < 1 or options.threads < 1:
        raise UsageError("speed: repetitions, largest_batch and threads must be positive, warm_ups 0 or more")


if __name__ == "__main__":
    sys.exit(main())
