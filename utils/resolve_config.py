#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Resolve the configuration of a recipe for run.sh.

Merges conf/default.yaml, the named blocks, the recipe, its size, and every `--set`, and writes the result to
<exp-dir>/config.yaml and, for every system, <exp-dir>/<system>/config.yaml. Prints the few values that
run.sh itself needs, one `key=value` a line.

Example: utils/resolve_config.py --recipe mini --exp-dir exp/mini --set seed=2
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from pseudovox import config as configuration
from pseudovox import release
from pseudovox.config.checks import check_overrides
from pseudovox.config.systems import needed_by, sets_of, steps_of, words_of
from pseudovox.core import seeds
from pseudovox.core.errors import PseudovoxError
from pseudovox.corpora import locations
from pseudovox.data.datadir import write_atomic
from pseudovox.kinds.attackers import ATTACKERS
from pseudovox.kinds.measurements import STAGE, measuring_steps, not_measured


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--system", default="", help="systems, comma-separated (default: the recipe's)")
    parser.add_argument("--exp-dir", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, help="data dirs; optional ones that are not there are left out")
    parser.add_argument("--prepare", action="store_true", help="stage 0 will run: the corpora must be there")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed-file", type=Path, metavar="FILE", help="with a secret seed; drawn if it is not there")
    parser.add_argument("--dry-run", action="store_true", help="print, write nothing")
    args = parser.parse_args(argv)
    try:
        if args.seed_file and (args.seed_file.exists() or not args.dry_run):
            args.set.insert(0, f"seed={seeds.secret_seed(args.seed_file)}")
        config = configuration.compose(args.recipe, overrides=args.set)
        systems = configuration.systems_of(config, args.system)
        resolved = {system: configuration.compose(args.recipe, system, args.set) for system in systems}
        check_overrides([config, *resolved.values()], args.set)
        if config.publish.release and not args.dry_run:
            release.check_seed(config.seed, config.publish)
        roots = locations.roots(config)
        if args.data_dir and not args.dry_run:
            absent = locations.absent(config, args.data_dir)
            for corpus, names in absent.items():
                print(f"run.sh: {locations.note(config, corpus, names)}", file=sys.stderr)
            left_out = [name for names in absent.values() for name in names]
            config = locations.without(config, left_out)
            resolved = {system: locations.without(its, left_out) for system, its in resolved.items()}
            if args.prepare:
                locations.check(config)
    except PseudovoxError as error:
        print(f"run.sh: {error}", file=sys.stderr)
        return error.exit_code
    if not args.dry_run:
        _write(args.exp_dir / "config.yaml", config)
        for system, its in resolved.items():
            _write(args.exp_dir / system / "config.yaml", its)
    if configuration.UNPROCESSED in (args.system.split(",") if args.system else config.systems):
        print("original: the speech as it is, no system to run; it has its rows in every table", file=sys.stderr)
    values = {
        "systems": systems,
        "needed": sorted(set().union(*(needed_by(its) for its in resolved.values()))),
        "models": config.models,
        "folder": config.data.folder,
        "corpora": config.data.corpora,
        "recognizer_kind": config.recognizer.kind,
        "alignment": config.bottleneck.alignment,
        "teacher": "yes" if config.bottleneck.teacher else "",
        "retrained": "yes" if config.recognizer.retrained else "",
        "release": "yes" if config.publish.release else "",
        **{f"root.{name}": folder for name, folder in roots.items()},
        **{name: getattr(config.sets, name) or config.sets.train for name in ("xvector", "bottleneck", "synthesizer")},
        **{
            name: getattr(config.sets, name)
            for name in ("pool", "attacker", "recognizer", "anonymize", "emotion", "publish")
        },
    }
    values["backend"] = config.scoring.backend
    values["voices"] = "yes" if config.scoring.voices and config.sets.attacker and config.sets.trials else ""
    for name, value in values.items():
        print(f"{name}={' '.join(value) if isinstance(value, list) else value}")
    for command in config.data.prepare:
        print(f"prepare={command}")
    for pair in config.sets.trials:
        print(f"trials={pair}")
    _print_steps(config, "")
    for system, its in resolved.items():
        print(f"unmeasured.{system}={not_measured(its)}")
        print(f"stages.{system}={' '.join(its.system.stages)}")
        print(f"needed.{system}={' '.join(sorted(needed_by(its)))}")
        counts: Counter[str] = Counter()
        models = Path(config.models) if config.models else args.exp_dir / "models"
        for step in [*steps_of(its), *measuring_steps(its)]:
            if step.out.startswith("MODELS/") and step.stage == "fit" and not sets_of(its, step.data):
                continue  # the family's generators are those that lie with the models
            if step.stage == STAGE and not sets_of(its, step.data):
                continue  # nothing to measure
            words = words_of(its, step, exp=args.exp_dir, data=args.data_dir or Path("data"), models=models)
            print(f"own.{step.stage}.{system}.{counts[step.stage]}=" + "\t".join(words))
            counts[step.stage] += 1
        print(f"ways.{system}={' '.join(its.attacks.semi_informed)}")
        for name, attacker in ATTACKERS.items():
            print(f"refused.{name}.{system}={attacker.refused(its)}")
        _print_steps(its, system)
    return 0


def _print_steps(config: configuration.Config, system: str) -> None:
    """`step.<stage>.<step>[.<system>]=<script>` for what the configuration replaces."""
    for key, script in config.steps.items():
        step, stages = configuration.STEPS[key]
        if not system or key in configuration.STEPS_OF_SYSTEMS:
            for stage in stages:
                print(f"step.{stage}.{step}{'.' if system else ''}{system}={script}")


def _write(path: Path, config: configuration.Config) -> None:
    text = configuration.to_yaml(config)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)


if __name__ == "__main__":
    sys.exit(main())
