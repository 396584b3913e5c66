"""VCTK (Yamagishi et al., University of Edinburgh; datashare.ed.ac.uk/handle/10283/3443) in both published layouts.

    0.92   <root>/speaker-info.txt                              ID AGE GENDER ACCENTS REGION COMMENTS, ID as p225 or s5
           <root>/wav48_silence_trimmed/<speaker>/<speaker>_<nnn>_mic1.flac and _mic2.flac
           <root>/txt/<speaker>/<speaker>_<nnn>.txt
    0.80   <root>/speaker-info.txt                              the same, ID as 225
           <root>/wav48/<speaker>/<speaker>_<nnn>.wav
           <root>/txt/<speaker>/<speaker>_<nnn>.txt

Another sample rate in the folder's name (wav16) is accepted. Ids are the names of the files; of 0.92 with the
microphone, as in the VoicePrivacy Challenges, which take the second. The corpus's own gaps, all named in the log:
speaker p315 has no text, p280 and p315 nothing from microphone 2, and a few sentences lack one microphone.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora import Recording, files, folders, gender_of, read_text_lines, words

log = logging.getLogger("pseudovox")
HINT = "download VCTK from datashare.ed.ac.uk/handle/10283/3443 and give the folder of speaker-info.txt"
NO_TEXT = ("p315",)
NO_MIC2 = ("p280", "p315")


def read_genders(path: Path) -> dict[str, str]:
    """Gender (f or m) by speaker, p225 ..., from the speaker-info.txt of either version."""
    genders: dict[str, str] = {}
    for number, line in enumerate(read_text_lines(path), 1):
        fields = line.split()
        if not fields or fields[0] == "ID":
            continue
        speaker = fields[0] if not fields[0].isdecimal() else f"p{fields[0]}"
        if len(fields) < 3 or not re.fullmatch(r"[ps]\d+", speaker):
            raise DataError(f"{path}:{number}: expected `ID AGE GENDER ...`, found {line[:60]!r}")
        if speaker in genders:
            raise DataError(f"{path}:{number}: speaker {speaker} stands twice")
        genders[speaker] = gender_of(fields[2], f"{path}:{number}")
    return genders


def read_list(path: Path) -> dict[str, str]:
    """What a list names, a speaker (p225) or a sentence (p225_001) a line: `<file>:<line>` by name.

    Raises:
        DataError: a line of another form, a name that stands twice, or nothing in it.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(read_text_lines(path), 1):
        name = line.partition("#")[0].strip()
        if not name:
            continue
        if not re.fullmatch(r"[ps]\d+(_\d+)?", name):
            raise DataError(f"{path}:{number}: expected a speaker (p225) or a sentence (p225_001), found {name[:60]!r}")
        if name in found:
            raise DataError(f"{path}:{number}: {name} stands twice")
        found[name] = f"{path}:{number}"
    if not found:
        raise DataError(f"{path}: names neither a speaker nor a sentence")
    return found


def read(
    root: Path, *, mic: int = 2, with_text: bool = True, wanted: Mapping[str, str] | None = None
) -> list[Recording]:
    """All recordings of VCTK.

    Args:
        root: the folder of speaker-info.txt.
        mic: 1 or 2; of version 0.92 alone.
        with_text: take the text; speaker p315, who has none, is left out.
        wanted: only these speakers and sentences (see `read_list`); None = all.

    Raises:
        MissingModelError: no VCTK there.
        DataError: a wanted name that the corpus has not (or not from this microphone), a recording without text, a
            speaker whom speaker-info.txt lacks, a name that is not of the layout, or a speaker without a recording of
            the microphone.
    """
    folder, by_mic = _audio_folder(root)
    table = root / "speaker-info.txt"
    genders = read_genders(table)
    recordings: list[Recording] = []
    speakers = None if wanted is None else {name.partition("_")[0] for name in wanted}
    left = dict(wanted or {})
    for speaker in folders(folder):
        if speakers is not None and speaker.name not in speakers:
            continue
        if with_text and speaker.name in NO_TEXT:
            log.warning("%s: left out: the corpus has no text of this speaker (--no-text takes it)", speaker)
            continue
        if by_mic and mic == 2 and speaker.name in NO_MIC2:
            log.warning("%s: left out: the corpus has nothing of this speaker from microphone 2", speaker)
            continue
        if speaker.name not in genders:
            raise DataError(
                f"{speaker}: speaker {speaker.name} is not in {table}", f"add the speaker's line to {table}"
            )
        for name, path in _of_mic(speaker, mic) if by_mic else _of_speaker(speaker):
            if wanted is not None:
                if speaker.name not in wanted and name not in wanted:
                    continue
                left.pop(speaker.name, None)
                left.pop(name, None)
            text = _text(root / "txt" / speaker.name / f"{name}.txt", path) if with_text else ""
            recordings.append(Recording(path.stem, speaker.name, path, genders[speaker.name], text))
    if left:
        name, where = next(iter(left.items()))
        raise DataError(f"{where}: {name}: {folder} has nothing of that name" + (f" from microphone {mic}" * by_mic))
    if not recordings:
        raise MissingModelError(f"{folder}: no recordings", HINT)
    return recordings


def _audio_folder(root: Path) -> tuple[Path, bool]:
    """The folder of the speakers' folders, and whether its files name the microphone (version 0.92)."""
    if not root.is_dir():
        raise MissingModelError(f"{root}: no such folder", HINT)
    for pattern, by_mic in ((r"wav\d+_silence_trimmed", True), (r"wav\d+", False)):
        found = [path for path in folders(root) if re.fullmatch(pattern, path.name)]
        if len(found) > 1:
            raise DataError(f"{root}: {' and '.join(path.name for path in found)}: which one?", "leave one there")
        if found:
            return found[0], by_mic
    raise MissingModelError(f"{root}: neither wav48_silence_trimmed (0.92) nor wav48 (0.80) there", HINT)


def _of_mic(speaker: Path, mic: int) -> list[tuple[str, Path]]:
    """(sentence's name, file) of one microphone; sentences that have only the other one are named in the log."""
    found: dict[str, dict[int, Path]] = {}
    for path in files(speaker, ".flac", ".wav"):
        parts = re.fullmatch(rf"({speaker.name}_\d+)_mic([12])", path.stem)
        if not parts:
            raise DataError(f"{path}: expected a name {speaker.name}_<nnn>_mic1 or _mic2")
        found.setdefault(parts[1], {})[int(parts[2])] = path
    other = [name for name, mics in found.items() if mic not in mics]
    if len(other) == len(found):
        raise DataError(f"{speaker}: nothing from microphone {mic}", f"--mic {3 - mic}")
    if other:
        names = ", ".join(other[:3]) + (", ..." if len(other) > 3 else "")
        log.warning("%s: %d sentences lack microphone %d and are left out: %s", speaker, len(other), mic, names)
    return [(name, mics[mic]) for name, mics in found.items() if mic in mics]


def _of_speaker(speaker: Path) -> list[tuple[str, Path]]:
    audio = files(speaker, ".wav", ".flac")
    for path in audio:
        if not re.fullmatch(rf"{speaker.name}_\d+", path.stem):
            raise DataError(f"{path}: expected a name {speaker.name}_<nnn>")
    return [(path.stem, path) for path in audio]


def _text(path: Path, audio: Path) -> str:
    if not path.is_file():
        raise DataError(f"{audio}: no transcript: {path} is missing", "give --no-text to do without")
    text = words(" ".join(read_text_lines(path)))
    if not text:
        raise DataError(f"{path}: no words in it", "give --no-text to do without")
    return text
