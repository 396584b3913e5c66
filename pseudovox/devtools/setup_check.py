"""What a recipe needs, and whether it is there: configuration, corpora, models (./run.sh --check).

Runs, as utils/check_setup.py, with any Python 3.7 or later before anything is installed: imports stay in functions.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox.config.systems import needed_by
from pseudovox.core.machine import LEAST_PYTHON, MISSING, NOTE, OK, WRONG

if TYPE_CHECKING:
    from argparse import Namespace

    from pseudovox.config import Config


class Report:
    """Prints the lines as they are found; `missing` counts those that a recipe cannot do without."""

    def __init__(self) -> None:
        self.missing = 0

    def line(self, status: str, name: str, found: str, hint: str = "") -> None:
        self.missing += status == MISSING
        print(f"  {status:<8} {name:<12} {found}", flush=True)
        if hint:
            print(f"  {'':<8} {'':<12}   hint: {hint}", flush=True)


def of_recipe(report: Report, args: Namespace, data: Path, exp: Path) -> bool:
    """Lines on configuration, corpora and models; True if the configuration is wrong."""
    try:
        if sys.version_info < LEAST_PYTHON:  # whatever python3 there is, before the installation
            raise ImportError
        from pseudovox import config as configuration
        from pseudovox.core.errors import PseudovoxError
        from pseudovox.corpora import locations
    except ImportError:
        report.line(NOTE, "recipe", "cannot be read before the environment is there")
        return False
    try:
        config = configuration.compose(args.recipe, None, args.set)
        names = configuration.systems_of(config, args.system)
        systems = {name: configuration.compose(args.recipe, name, args.set) for name in names}
        locations.roots(config)  # names of corpora that are not known
    except PseudovoxError as error:
        message, _, hint = str(error).partition("\n  hint: ")
        report.line(WRONG, "recipe", message, hint)
        return True
    report.line(OK, "recipe", f"systems {', '.join(systems) or 'none'}")
    corpora(report, config, data)
    models(report, config, systems, exp)
    pretrained_weights(report, config, exp)
    return False


def corpora(report: Report, config: Config, data: Path) -> None:
    from pseudovox.corpora import locations

    absent = locations.absent(config, data)
    for corpus, names in absent.items():
        left_out, _, hint = locations.note(config, corpus, names).partition("\n  hint: ")
        report.line(NOTE, "corpus", left_out.replace("\n", " "), hint)
    config = locations.without(config, [name for names in absent.values() for name in names])
    wanted = list(dict.fromkeys(name for members in vars(config.sets).values() for name in " ".join(members).split()))
    made = [name for name in wanted if (data / name / ".done.json").is_file() or (data / name / "wav.scp").is_file()]
    if len(made) == len(wanted):
        report.line(OK, "data dirs", f"{len(made)}, all in {data}")
        return
    report.line(OK, "data dirs", f"{len(made)} of {len(wanted)} in {data}; stage data makes the others")
    roots = locations.roots(config)
    for name in dict.fromkeys(name for command in config.data.prepare for name in locations.named_in(command)):
        source(report, "corpus", roots[name], "", f"data.roots.{name}", locations.corpora()[name].source)
    for command in config.data.prepare:
        for word in command.split()[1:]:
            if word.startswith("FOLDER"):
                source(report, "recordings", config.data.folder, word[len("FOLDER") :], "data.folder")
            elif word.startswith("CORPORA"):
                source(report, "corpus", config.data.corpora, word[len("CORPORA") :], "data.corpora")


def source(report: Report, name: str, folder: str, rest: str, key: str, where: str = "") -> None:
    if not folder:
        report.line(MISSING, name, "no folder was given", f"--set {key}=/where/they/are")
    elif not Path(folder + rest).is_dir():
        hint = f"--set {key}=/where/it/lies" + (f"; get it: {where}" if where else "")
        report.line(MISSING, name, f"{folder}{rest} is no folder", hint)
    else:
        report.line(OK, name, folder + rest)


def models(report: Report, config: Config, systems: dict[str, Config], exp: Path) -> None:
    folder = Path(config.models) if config.models else exp / "models"
    read = set().union(*(needed_by(its) for its in systems.values()))
    shared = [name for name in ("xvector", "bottleneck", "synthesizer") if name in read]
    if systems and not shared:
        return report.line(OK, "models", f"none needed: {', '.join(systems)}")
    if config.sets.train:
        return report.line(OK, "models", f"trained by the recipe, in {folder}")
    needed: dict[str, str] = {f"{name}/model.json": name for name in shared}
    own = [its.system.synthesizer_dir for its in systems.values() if its.system.synthesizer]
    needed.update({f"{name}/model.json": name for name in own})
    if not config.sets.pool:
        fitted = [name for name, its in systems.items() if "fit" in its.system.stages]
        needed.update({f"pseudo/{name}/pseudo.json": f"pseudo/{name}" for name in fitted})
    absent = [name for file, name in needed.items() if not (folder / file).is_file()]
    if absent:
        hint = "./run.sh makes those of recipes/mini, in exp/mini/models; or --set models=/other/exp/models"
        report.line(MISSING, "models", f"not in {folder}: {', '.join(absent)}", hint)
    else:
        report.line(OK, "models", f"{len(needed)} in {folder}")


def pretrained_weights(report: Report, config: Config, exp: Path) -> None:
    from pseudovox.models import pretrained

    for name, found, missing in pretrained.needed(config, exp):
        told = (missing.message, missing.hint) if missing else (found,)
        report.line(MISSING if missing else OK, name, *told)
