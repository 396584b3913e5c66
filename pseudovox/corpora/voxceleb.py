"""VoxCeleb 1 and 2 (Nagrani et al., Interspeech 2017; Chung et al., Interspeech 2018).

robots.ox.ac.uk/~vgg/data/voxceleb, in its published layout:

    1   <root>/vox1_meta.csv                                  id TAB name TAB gender TAB nationality TAB set
        <root>/<dev|test>/wav/<id10001>/<video>/<nnnnn>.wav   or all under <root>/wav
    2   <root>/vox2_meta.csv                                  id ,VGGFace2 id ,gender ,set
        <root>/<dev|test>/aac/<id00012>/<video>/<nnnnn>.m4a   or converted: .wav or .flac under aac or wav

libsndfile does not read m4a, so VoxCeleb 2 must be converted first, as everyone's recipes do. The official lists of
trials (veri_test2.txt, list_test_all2.txt, list_test_hard2.txt: cleaned Vox1-O, -E, -H) compare file with file,
`<0|1> <id>/<video>/<nnnnn>.wav <the same>`. As data dirs, every enrolled file is a speaker model of its own: its
"speaker" in <list>_enrolls is the utterance's id, and <list>_trials holds `trials` of these models.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora import Recording, files, folders, gender_of, read_text_lines
from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
PARTS = ("dev", "test")
KINDS = (".wav", ".flac", ".m4a")
# Speakers of VoxCeleb 2's test part whom vox2_meta.csv does not know.
NOT_IN_META = ("id04170", "id05348")
HINT = "download VoxCeleb from robots.ox.ac.uk/~vgg/data/voxceleb, unpacked as it says"
# The m4a stay; they are passed over where a .wav lies beside them.
CONVERT = """find {} -name '*.m4a' -exec sh -c 'ffmpeg -nostdin -i "$1" -ac 1 -ar 16000 "${{1%.m4a}}.wav"' _ {{}} \\;"""


def find_parts(root: Path) -> dict[str, Path]:
    """The folders of the speakers' folders by part: dev and test, or `all` where the parts were merged."""
    if not root.is_dir():
        raise MissingModelError(f"{root}: no such folder", HINT)
    places = {part: [root / part / "wav", root / part / "aac"] for part in PARTS}
    places["all"] = [root / "wav", root / "aac"]
    found = {part: next((path for path in paths if path.is_dir()), None) for part, paths in places.items()}
    parts = {part: path for part, path in found.items() if path}
    if not parts:
        raise MissingModelError(f"{root}: no part of VoxCeleb there (dev/wav, test/wav, dev/aac, test/aac)", HINT)
    return parts


def read_genders(path: Path) -> dict[str, str]:
    """Gender (f or m) by speaker from vox1_meta.csv or vox2_meta.csv; the columns are found by their heads."""
    genders: dict[str, str] = {}
    column = None
    for number, line in enumerate(read_text_lines(path), 1):
        fields = [field.strip() for field in re.split(r"[\t,]", line)]
        if not line.strip():
            continue
        if column is None:
            if "Gender" not in fields:
                raise DataError(f"{path}:{number}: expected a head with a column Gender, found {line[:60]!r}")
            column = fields.index("Gender")
            continue
        if len(fields) <= column or not re.fullmatch(r"id\d{5}", fields[0]):
            raise DataError(f"{path}:{number}: expected `id<5 digits>, ..., gender, ...`, found {line[:60]!r}")
        if fields[0] in genders:
            raise DataError(f"{path}:{number}: speaker {fields[0]} stands twice")
        genders[fields[0]] = gender_of(fields[column], f"{path}:{number}")
    return genders


def find_meta(root: Path, version: int) -> Path:
    """vox<version>_meta.csv in the corpus's folder or the one above."""
    name = f"vox{version}_meta.csv"
    for folder in (root, root.parent):
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{root}/{name}: no such file; it says who is female or male", f"download {name}, or give --meta")


def version_of(folder: Path) -> int:
    """1 or 2, by the numbers of the speakers: VoxCeleb 1 counts from id10001, 2 ends below."""
    first = next((path.name for path in folders(folder)), "")
    if not re.fullmatch(r"id\d{5}", first):
        raise MissingModelError(f"{folder}: no folders of speakers (id<5 digits>)", HINT)
    return 1 if first > "id10000" else 2


def read_part(folder: Path, genders: Mapping[str, str], table: Path) -> list[Recording]:
    """All recordings below a folder of speakers' folders.

    Raises:
        DataError: m4a files, a speaker whom the table lacks, or a name that is not of the layout.
    """
    recordings = []
    for speaker in folders(folder):
        if speaker.name not in genders:
            if speaker.name in NOT_IN_META:
                log.warning("%s: left out: %s has no line for this speaker", speaker, table)
                continue
            raise DataError(f"{speaker}: speaker {speaker.name} is not in {table}")
        for video in folders(speaker):
            for path in files(video, *KINDS):
                if path.suffix == ".m4a":
                    if path.with_suffix(".wav").exists():
                        continue  # converted beside it
                    raise DataError(f"{path}: m4a files cannot be read", CONVERT.format(folder))
                if not path.stem.isdecimal():
                    raise DataError(f"{path}: expected a name <nnnnn>{path.suffix}")
                utterance = utterance_of(f"{speaker.name}/{video.name}/{path.stem}")
                recordings.append(Recording(utterance, speaker.name, path, genders[speaker.name]))
    return recordings


def utterance_of(name: str) -> str:
    """The id of `<speaker>/<video>/<number>`, with or without the file's suffix."""
    return re.sub(r"\.[a-z0-9]+$", "", name).replace("/", "-")


def read_trials(path: Path) -> list[tuple[str, str, bool]]:
    """(enrolled utterance, test utterance, same speaker?) of an official list."""
    trials = []
    for number, line in enumerate(read_text_lines(path), 1):
        if not line.strip():
            continue
        fields = line.split()
        names = [field for field in fields[1:] if re.fullmatch(r"id\d{5}/[^/]+/\d+\.wav", field)]
        if len(fields) != 3 or fields[0] not in ("0", "1") or len(names) != 2:
            raise DataError(
                f"{path}:{number}: expected `<0|1> id/video/number.wav id/video/number.wav`, found {line!r}"
            )
        if (fields[0] == "1") != (names[0][:7] == names[1][:7]):
            raise DataError(f"{path}:{number}: label {fields[0]} for {names[0][:7]} and {names[1][:7]}")
        trials.append((utterance_of(names[0]), utterance_of(names[1]), fields[0] == "1"))
    if len({target for *_, target in trials}) < 2:
        raise DataError(f"{path}: expected trials of both kinds, 0 and 1")
    return trials


def trial_sets(recordings: Sequence[Recording], path: Path) -> tuple[list[Recording], list[Recording], list[str]]:
    """The sets of an official list: recordings of the enrolment (a model each) and of the trials, and its `trials`.

    Raises:
        DataError: a malformed list, or a recording that is not there.
    """
    trials = read_trials(path)
    known = {one.utterance: one for one in recordings}
    for utterance in (name for enrolled, test, _ in trials for name in (enrolled, test)):
        if utterance not in known:
            raise DataError(
                f"{path}: {utterance.replace('-', '/', 1)} is not among the recordings",
                "give the folder with both dev and test for the lists -E and -H",
            )
    models = {enrolled for enrolled, *_ in trials}
    tests = {test for _, test, _ in trials}
    enrolment = [dataclasses.replace(known[name], speaker=name) for name in sorted(models)]
    lines = [f"{enrolled} {test} {'target' if target else 'nontarget'}" for enrolled, test, target in trials]
    return enrolment, [known[name] for name in sorted(tests)], lines


def add_enrolls(data: DataDir) -> None:
    """Every utterance enrols."""
    data.lists["enrolls"] = list(data.utterances)
