"""Where corpora lie, and what a recipe does where one is not there.

A command of stage 0 names a corpus by its word (LIBRISPEECH, VCTK, ...), which stands for its folder: `data.roots` says
where it is, else it is looked for in `data.corpora` under its usual name. What can be had by anybody must be there
before anything runs. What must be asked for (`data.optional`: data dirs by the corpus that they are made from) is left
out with a loud note.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pseudovox.config import Config
from pseudovox.core.errors import MissingModelError, UsageError


@dataclass(frozen=True)
class Corpus:
    """A corpus that recipes name.

    Attributes:
        folder: its usual name, which it is looked for under.
        source: where to get it.
    """

    folder: str
    source: str


CORPORA = {
    "librispeech": Corpus("LibriSpeech", "openslr.org/12 (local/download.py librispeech)"),
    "libritts": Corpus("LibriTTS", "openslr.org/60 (local/download.py libritts)"),
    "vctk": Corpus("VCTK-Corpus-0.92", "datashare.ed.ac.uk/handle/10283/3443 (local/download.py vctk)"),
    "iemocap": Corpus(
        "IEMOCAP_full_release", "to be asked for at sail.usc.edu/iemocap (local/download.py iemocap says how)"
    ),
    "minilibrispeech": Corpus("MiniLibriSpeech", "openslr.org/31 (local/download.py minilibrispeech)"),
    "speechocean762": Corpus("speechocean762", "openslr.org/101 (local/download.py speechocean762)"),
    "commonvoice": Corpus(
        "CommonVoice", "to be asked for at commonvoice.mozilla.org (local/download.py commonvoice says how)"
    ),
    "voxceleb1": Corpus("VoxCeleb1", "to be asked for (local/download.py voxceleb1 says whom)"),
    "voxceleb2": Corpus("VoxCeleb2", "to be asked for (local/download.py voxceleb2 says whom)"),
}


def roots(config: Config) -> dict[str, str]:
    """The folder of every corpus, there or not; UsageError for a corpus in `data` that is not known."""
    for name in (*config.data.roots, *config.data.optional.values()):
        if name not in CORPORA:
            raise UsageError(f"data: no corpus called {name!r}; there are: {', '.join(CORPORA)}")
    return {
        name: config.data.roots.get(name) or f"{config.data.corpora}/{corpus.folder}"
        for name, corpus in CORPORA.items()
    }


def named_in(command: str) -> list[str]:
    """The corpora that a command of stage 0 names."""
    return [word.lower() for word in command.split() if word.isupper() and word.lower() in CORPORA]


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
        f"  hint: {corpus} is {CORPORA[corpus].source}; --set data.roots.{corpus}=/where/it/lies"
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
        lines = [f"{where[name]}: no such folder ({name}: {CORPORA[name].source})" for name in missing]
        raise MissingModelError(
            "; ".join(lines), " ".join(f"--set data.roots.{name}=/where/it/lies" for name in missing)
        )
