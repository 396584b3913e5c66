"""What a data dir says of itself: which one it was before anonymization, by which system, its set and its part in it.

The file `origin` of a data dir, written by the steps that anonymize and that split trials off:

    source test_trials_f      the data dir before anonymization; its own name, if it was not anonymized
    system pca_gmm            that anonymized it; no such line for original speech
    set test                  what results are told of: the enrolment and the trials of one evaluation
    role trials               enrolls, trials, or no such line

A dir without that file (Kaldi's, the challenges', those of other programs) is understood by the challenges' convention
of names, for which this is the place: `<set>_enrolls`, `<set>_trials_f`, and `_<system>` behind what that made.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from pseudovox.core.errors import DataError
from pseudovox.core.files import read_text, words

FILE = "origin"
ROLES = ("enrolls", "trials")
_CONVENTION = re.compile(r"(?P<set>.+?)_(?P<role>enrolls|trials)(?P<rest>_.*)?")
_COMMON = re.compile(r"_[^_]+_common(_|$)")


@dataclass(frozen=True)
class Origin:
    """Where a data dir comes from, and what it is for.

    Attributes:
        source: name of the data dir before anonymization; of original speech, its own.
        set: name of the evaluation that it belongs to.
        system: that anonymized it; "" = original speech.
        role: in its set: one of ROLES, or "".
    """

    source: str
    set: str
    system: str = ""
    role: str = ""

    @property
    def speech_set(self) -> str:
        """The set that figures on its speech are of: enrolment is heard by attackers, and is no part of them."""
        return f"{self.set}_enrolls" if self.role == "enrolls" else self.set

    def anonymized(self, system: str) -> Origin:
        """That of the data dir which a system makes of this one."""
        return replace(self, system=system)

    def called(self, name: str) -> Origin | None:
        """That of a data dir of another name which is made of this one; None of original speech: it is another set."""
        return self if self.system or name == self.source else None


def conventional(name: str, system: str = "") -> Origin:
    """What the name of a data dir says, by convention; `system` anonymized it, "" = none did.

    VCTK's lists of sentences that all its speakers read are a set of their own, "vctk_dev_common" of
    "vctk_dev_trials_f_common".
    """
    source = name.removesuffix(f"_{system}") if system else name
    found = _CONVENTION.fullmatch(source)
    if found is None:
        return Origin(source, source, system)
    common = "_common" if _COMMON.match(found["rest"] or "") else ""
    return Origin(source, found["set"] + common, system, found["role"])


def conventional_group(name: str) -> str:
    """The gender of the speakers of trials, by convention: f, m, or "all"."""
    found = _CONVENTION.fullmatch(name)
    gender = (found["rest"] or "")[1:2] if found else ""
    return gender if gender in ("f", "m") else "all"


def read(folder: Path) -> Origin | None:
    """What the file of a data dir says; None if it has none.

    Raises:
        DataError: a line of it is not understood, or source or set is missing.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    known = {field.name for field in fields(Origin)}
    found: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        parts = words(line, 1)
        if not parts:
            continue
        key, value = parts[0], parts[1].strip(" \t") if len(parts) > 1 else ""
        if key not in known or key in found or not value or (key == "role" and value not in ROLES):
            raise DataError(
                f"{path}:{number}: {line!r}: expected source, set, system or role (enrolls or trials) and a value, "
                "each once",
                f"correct it, or rm {path}: then the data dir's name says what it is",
            )
        found[key] = value
    if not {"source", "set"} <= found.keys():
        raise DataError(f"{path}: source or set is missing", f"add the line, or rm {path}")
    return Origin(**found)


def text(origin: Origin) -> str:
    """The content of the file."""
    return "".join(f"{key} {value}\n" for key, value in asdict(origin).items() if value)


def of_folder(folder: Path) -> Origin:
    """What a data dir says of itself, or else its name."""
    return read(folder) or conventional(folder.name)
