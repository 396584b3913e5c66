"""Where corpora lie, and what a recipe does where one is not there.

A command of stage 0 names a corpus by its word (LIBRISPEECH, VCTK, ...), which stands for its folder: `data.roots` says
where it is, else it is looked for in `data.corpora` under its usual name. What can be had by anybody must be there
before anything runs. What must be asked for (`data.optional`: data dirs by the corpus that they are made from) is left
out with a loud note.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pseudovox.config import Config
from pseudovox.core.errors import MissingModelError, UsageError

FOLDERS = ("DATA", "FOLDER", "CORPORA")  # words of stage 0 that stand for other folders


@dataclass(frozen=True)
class Corpus:
    """A corpus that recipes name.

    Attributes:
        folder: its usual name, which it is looked for under.
        source: where to get it.
    """

    folder: str
    source: str


@functools.cache
def corpora() -> dict[str, Corpus]:
    """All corpora, from conf/downloads/corpora.yaml; librispeech-dev-clean is a part of librispeech."""
    from pseudovox.corpora.downloads import catalogue

    found: dict[str, Corpus] = {}
    for entry in catalogue.read(names=["corpora"]).values():
        name = entry.name.partition("-")[0]
        how = f"{entry.home} (local/download.py {name})"
        if entry.ask:
            how = f"to be asked for, see {entry.home} (local/download.py {name} says how)"
        found.setdefault(
            name, Corpus(entry.folder.partition("/")[0], how.removeprefix("https://").removeprefix("www."))
        )
    return found


def roots(config: Config) -> dict[str, str]:
    """The folder of every corpus that the configuration names, there or not; UsageError for one that is not known."""
    given = dict.fromkeys((*config.data.roots, *config.data.optional.values()))
    for name in given:
        if name not in corpora():
            raise UsageError(f"data: no corpus called {name!r}; there are: {', '.join(corpora())}")
    named = dict.fromkeys([*given, *(name for command in config.data.prepare for name in named_in(command))])
    return {name: config.data.roots.get(name) or f"{config.data.corpora}/{corpora()[name].folder}" for name in named}


def named_in(command: str) -> list[str]:
    """The corpora that a command of stage 0 names."""
    words = [word for word in command.split() if word.isupper() and word.partition("/")[0] not in FOLDERS]
    return [word.lower() for word in words if word.lower() in corpora()]


def absent(config: Config, data: Path) -> dict[str, list[str]]:
    """Optional data dirs that are not made and cannot be, by the corpus that is not there.

    Args:
        config: of the recipe.
        data: the folder of its data dirs.
    """
    where = roots(config)
    found: dict[str, list[str]] = {}
    for name, corpus in config.data.optional.items():
        if not Path(where[corpus]).is_dir() and not (data / name).is_dir():
            found.setdefault(corpus, []).append(name)
    return found


def note(config: Config, corpus: str, names: list[str]) -> str:
    """What to tell the user about optional data dirs that are left out."""
    return (
        f"NO DATA for {', '.join(names)}: {roots(config)[corpus]} is no folder; what they are for is left out\n"
        f"  hint: {corpus} is {corpora()[corpus].source}; --set data.roots.{corpus}=/where/it/lies"
    )


def without(config: Config, names: list[str]) -> Config:
    """The configuration without some data dirs, and without the commands of stage 0 that name corpora not there."""
    kept: dict[str, Any] = {}
    for kind, members in vars(config.sets).items():
        kept[kind] = [member for member in members if not set(member.split()) & set(names)]
    where = roots(config)
    gated = {corpus for name, corpus in config.data.optional.items() if not Path(where[corpus]).is_dir()}
    prepare = [command for command in config.data.prepare if not gated & set(named_in(command))]
    return replace(config, sets=replace(config.sets, **kept), data=replace(config.data, prepare=prepare))


def check(config: Config) -> None:
    """MissingModelError (exit code 4), with where to get them, unless the corpora that stage 0 reads are there."""
    where = roots(config)
    named = dict.fromkeys(name for command in config.data.prepare for name in named_in(command))
    missing = [name for name in named if not Path(where[name]).is_dir()]
    if missing:
        lines = [f"{where[name]}: no such folder ({name}: {corpora()[name].source})" for name in missing]
        raise MissingModelError(
            "; ".join(lines), " ".join(f"--set data.roots.{name}=/where/it/lies" for name in missing)
        )
