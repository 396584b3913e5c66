"""LibriTTS (Zen et al., Interspeech 2019; openslr.org/60) and LibriTTS-R (openslr.org/141) in their published layout.

    <root>/SPEAKERS.txt                                        reader | sex | subset | minutes | name
    <root>/<subset>/<reader>/<chapter>/<reader>_<chapter>_<paragraph>_<sentence>.wav        24 kHz
    <root>/<subset>/<reader>/<chapter>/<the same>.normalized.txt         one sentence, as it is read

Utterance ids take `-` for `_`, as LibriSpeech's do: readers 84 and 840 would otherwise sort differently by speaker and
by utterance, which Kaldi refuses. The text is the normalized one as words in upper case; table utt2normalized keeps it
as it was written.
"""

from __future__ import annotations

from pathlib import Path

from pseudovox.core.errors import DataError
from pseudovox.corpora import Recording, files, librispeech, read_text_lines, words

HINT = "download the subset from openslr.org/60, or give another --subset"
TRANSCRIPT = ".normalized.txt"


def find_root(folder: Path) -> Path:
    """The folder that holds the subsets: `folder`, or what the archives unpack to in it."""
    return librispeech.find_root(folder, "LibriTTS", "LibriTTS_R")


def subsets(root: Path) -> list[str]:
    """Names of the subsets that are there."""
    return librispeech.subsets(root, transcripts=f"*{TRANSCRIPT}", hint=HINT)


def read_subset(root: Path, subset: str) -> list[Recording]:
    """All utterances of one subset.

    Raises:
        MissingModelError: the subset is not there.
        DataError: transcript without audio, audio without transcript or with an empty one, a reader that SPEAKERS.txt
            lacks, or names that do not fit their folders.
    """
    recordings = []
    for chapter, reader, gender in librispeech.chapters(root, subset, speakers="SPEAKERS.txt", hint=HINT):
        audio = {path.stem: path for path in files(chapter, ".wav", ".flac")}
        for transcript in files(chapter, TRANSCRIPT):
            name = transcript.name.removesuffix(TRANSCRIPT)
            if name not in audio:
                raise DataError(f"{transcript}: has no audio: {name}.wav is missing")
        for name, path in audio.items():
            if not name.startswith(f"{reader}_{chapter.name}_"):
                raise DataError(f"{path}: expected a name {reader}_{chapter.name}_<paragraph>_<sentence>")
            line = " ".join(" ".join(read_text_lines(chapter / f"{name}{TRANSCRIPT}")).split())
            if not words(line):
                raise DataError(f"{chapter / name}{TRANSCRIPT}: no words in it")
            tables = {"utt2normalized": line}
            recordings.append(Recording(name.replace("_", "-"), reader, path, gender, words(line), tables))
    return recordings
