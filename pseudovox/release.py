"""Anonymized speech as recordings to keep or to give away, encoded anew: nothing of an original file goes into them.

As a folder: every recording where its original lay, under its name, in its format, at its rate, as long as it.
As a release: under names that nobody without the key can connect with the old ones, in one format and of one date, and
apart from it what only the publisher may have, the key and the table of names.

What a release still tells is in docs/publishing.md: the length of every recording, above all.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import io
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pseudovox.core import blocks, seeds
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data import audio
from pseudovox.data.datadir import DataDir, bytewise, write_atomic

if TYPE_CHECKING:
    import numpy as np

    from pseudovox.config import Publish

ORIGINAL = "original"  # format of a release: each recording's own
# Codings that are kept; others (floats, whose files get a date, and ADPCM) become the format's usual one.
KEPT = frozenset(("PCM_16", "PCM_24", "PCM_U8", "PCM_S8", "ULAW", "ALAW", "VORBIS", "OPUS", "MPEG_LAYER_III"))
DATE = 315_532_800  # 1 January 1980, the earliest that zip knows: when all files of a release were last changed
AT_ONCE = 2**18  # samples that are encoded at a time
KEY_BYTES = 16  # of a key, at least


@dataclass(frozen=True)
class Form:
    """How a recording is stored.

    Attributes:
        container, coding: libsndfile's names, e.g. WAV, PCM_16.
        rate: Hz.
        frames: samples; 0 = as many as there are.
    """

    container: str
    coding: str
    rate: int
    frames: int = 0


@dataclass(frozen=True)
class Item:
    """One recording to be written: whose speech, where (relative to the folder), how."""

    data: DataDir  # anonymized
    utterance: str
    path: str
    form: Form


# ---------------------------------------------------------------------- forms
def form_of(data: DataDir, utterance: str) -> Form:
    """The form of an original recording.

    Raises:
        DataError: it is a part of a file or what a command prints, or its file cannot be read.
    """
    entry = data.tables["wav.scp"].get(utterance, "|")
    if "segments" in data.tables or entry.endswith("|"):
        raise DataError(
            f"{data.path}: {utterance} is no file of its own but a segment or a command's output, so it has no format",
            "--set publish.format=flac, or utils/materialize_data_dir.py before it is anonymized",
        )
    return form_of_file(entry, lambda: data.duration(utterance), f"{data.path}/wav.scp, {utterance}: ")


def form_of_file(path: str | Path, duration: Callable[[], float], where: str = "") -> Form:
    """The form of an audio file.

    Args:
        duration: gives its length in seconds, where its header does not.
        where: put before its name in messages.

    Raises:
        DataError: it cannot be read.
    """
    import soundfile

    try:
        info = soundfile.info(str(path))
    except (OSError, soundfile.SoundFileError) as error:
        raise DataError(f"{where}{path}: cannot be read as audio: {error}") from None
    coding = info.subtype if info.subtype in KEPT else soundfile.default_subtype(info.format)
    # Of an MP3 libsndfile may guess the length, of a FLAC from a pipe it knows none.
    known = info.format != "MP3" and info.frames < audio.UNKNOWN
    return Form(info.format, coding, info.samplerate, info.frames if known else round(duration() * info.samplerate))


def form_named(name: str, where: str = "publish.format") -> Form:
    """The form of a format's name, e.g. flac: its usual coding at 16 kHz; UsageError for one that cannot be written.

    `where` it was given is said in the message.
    """
    import soundfile

    container = name.upper()
    if container not in soundfile.available_formats() or not soundfile.default_subtype(container):
        own = f"{ORIGINAL}, " if where == "publish.format" else ""
        raise UsageError(f"{where} {name!r}: expected {own}flac, wav, ogg, mp3 or what libsndfile writes")
    return Form(container, soundfile.default_subtype(container), audio.SAMPLE_RATE)


def encode(pieces: Iterable[np.ndarray], form: Form, path: Path) -> None:
    """Write samples at 16 kHz, float in [-1, 1], that come in pieces (n,), to a file without tags, aside and renamed.

    Raises:
        OSError: the disk is full, or not to be written.
    """
    import numpy as np
    import soundfile

    if form.rate != audio.SAMPLE_RATE:
        pieces = audio.resampled(pieces, audio.SAMPLE_RATE, form.rate)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    written = 0
    try:
        with (
            _Disk(aside) as disk,
            soundfile.SoundFile(disk, "w", form.rate, 1, form.coding, format=form.container) as sound,
        ):
            for _, piece in blocks.stream(pieces, AT_ONCE):
                kept = piece[: form.frames - written] if form.frames else piece
                written += len(kept)
                sound.write(audio.pcm(kept))
            while written < form.frames:
                missing = min(form.frames - written, AT_ONCE)
                written += missing
                sound.write(np.zeros(missing, np.int16))
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


class _Disk(io.FileIO):
    """A file for libsndfile to write, which does not tell of a full disk: the first error is raised at the end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.error: OSError | None = None

    def write(self, content: Any, /) -> int:
        try:
            written = super().write(content)
            if written != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.name))
        except OSError as error:
            self.error = self.error or error
        return len(content)

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        if self.error and exception[0] is None:
            raise self.error


# ---------------------------------------------------------------------- names
def original_paths(data: DataDir) -> dict[str, str]:
    """Where each recording lay below its folder, by utterance, from the table utt2path.

    Raises:
        DataError: no such table, a path that leads out of the folder, or one that stands twice.
    """
    if "utt2path" not in data.tables:
        raise DataError(
            f"{data.path}: has no utt2path, the table that says where in its folder each recording lay",
            "local/prepare_folder.py makes one; a release does without (./run.sh --publish)",
        )
    first: dict[str, str] = {}
    for utterance, name in data.tables["utt2path"].items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.suffix or "\\" in name:
            raise DataError(f"{data.where('utt2path', utterance)}: {name!r} is no path of a file below a folder")
        if first.setdefault(name, utterance) != utterance:
            raise DataError(f"{data.where('utt2path', utterance)}: {name!r} is the file of {first[name]}, too")
    return dict(data.tables["utt2path"])


def read_key(path: Path) -> bytes:
    """The key that a file holds, white space at its ends left out; DataError if it is not there or short."""
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    if len(key) < KEY_BYTES:
        raise DataError(f"{path}: a key of {len(key)} bytes, which can be guessed; expected {KEY_BYTES} or more")
    return key


def check_seed(seed: int, options: Publish, made: str = "") -> None:
    """Raise UsageError if a seed that can be guessed decided who speaks in a release; `made`: where it was found."""
    if seeds.is_public(seed) and not options.public_seed:
        raise UsageError(
            f"{made + ': made with ' if made else ''}seed {seed}: it can be guessed, and with it who got which voice",
            "./run.sh --publish --force without --seed draws a secret one; or --set publish.public_seed=true",
        )


def key_of(folder: Path, given: Path | None) -> bytes:
    """The key of a release: that of a file, or one that is drawn and kept in `folder`, for its owner alone to read."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if given:
        return read_key(given)
    path = folder / "key"
    if not path.exists():
        write_atomic(path, f"{secrets.token_hex(32)}\n")
        path.chmod(0o600)
    return read_key(path)


# ---------------------------------------------------------------------- files
def write_recordings(items: Iterable[Item], folder: Path, jobs: int = 1) -> float:
    """Write recordings, in the order of their paths; what is there already stays. Returns the seconds of speech."""

    def write(item: Item) -> float:
        path = folder / item.path
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            encode(audio.stream(item.data, item.utterance), item.form, path)
        return item.data.duration(item.utterance)

    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        return sum(pool.map(write, sorted(items, key=lambda item: item.path)))


def folder_items(data: DataDir, made: DataDir) -> Iterator[Item]:
    """The recordings of a data dir as they lay in their folder."""
    for utterance, path in original_paths(data).items():
        yield Item(made, utterance, f"{data.name}/{path}", form_of(data, utterance))


def release_items(data: DataDir, made: DataDir, form: Form | None) -> Iterator[Item]:
    """The recordings of a data dir for release, without names as yet: their paths are suffixes (see `named`).

    `form`: of all of them; None = each that of its original.
    """
    for utterance in data.utterances:
        suffix = f".{form.container}" if form else PurePosixPath(data.tables["wav.scp"][utterance]).suffix
        yield Item(made, utterance, suffix.lower(), form or form_of(data, utterance))


def named(items: Sequence[Item], key: bytes) -> list[Item]:
    """The recordings of a release under their names, 20 hexadecimal digits each.

    Random to whoever has not the key, the same whenever they are made; those of two systems are not the same.
    """
    found = []
    for item in items:
        digest = hmac.new(key, f"{item.data.name}/{item.utterance}".encode(), hashlib.sha256)
        found.append(replace(item, path=digest.hexdigest()[:20] + item.path))
    if len({item.path for item in found}) < len(items):
        raise DataError("two recordings of a release would have one name", "use another key: --set publish.secret=FILE")
    return found


def set_dates(folder: Path) -> None:
    """Give everything in a folder, and the folder, the same date: neither when nor in what order it was made shows.

    What a killed run was writing (write_atomic) is removed first, since that would date the folder anew.
    """
    for aside in folder.rglob(".*.tmp"):
        aside.unlink()
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (DATE, DATE))


def manifest(items: Sequence[Item], originals: Mapping[Path, DataDir], folder: Path) -> str:
    """The publisher's table: file, data dir, utterance, speaker, original file and SHA-256 of each recording.

    Args:
        items: of the release.
        originals: the original data dir by the path of the anonymized one.
        folder: where the release is.
    """
    lines = ["file\tdata_dir\tutterance\tspeaker\toriginal\tsha256\n"]
    for item in sorted(items, key=lambda item: item.path):
        data, utterance = originals[item.data.path], item.utterance
        source = data.tables.get("utt2path", data.tables["wav.scp"]).get(utterance, "")
        with open(folder / item.path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append("\t".join((item.path, data.name, utterance, data.utt2spk[utterance], source, digest)) + "\n")
    return "".join(lines)


def transcripts(items: Iterable[Item], originals: Mapping[Path, DataDir]) -> str:
    """A table of the words of each recording of a release, by its new name; `originals` as for `manifest`."""
    return "".join(bytewise(f"{item.path}\t{originals[item.data.path].text[item.utterance]}\n" for item in items))
