"""IEMOCAP (Busso et al., Language Resources and Evaluation 2008; sail.usc.edu/iemocap) in its published layout.

    <root>/Session<1-5>/sentences/wav/<dialog>/<dialog>_<F|M><nnn>.wav
    <root>/Session<1-5>/dialog/EmoEvaluation/<dialog>.txt     [start - end] TAB <utterance> TAB <emotion> TAB [v, a, d]
    <root>/Session<1-5>/dialog/transcriptions/<dialog>.txt    <utterance> [start-end]: words

<dialog> is e.g. Ses01F_impro01: session 1, the woman wore the markers. Who speaks is told by the letter behind it, so
the ten speakers are Ses01F, Ses01M ... Ses05M, and an utterance's id is `<speaker>-<name of its file>`. The folds are
the sessions (leave one session out), so no speaker is in two.

The VoicePrivacy Challenge 2024 takes four emotions of the majority's vote: ang, hap (which takes in exc, excitement),
neu, sad: 5,531 of the 10,039 utterances. The text holds words in upper case, events such as [LAUGHTER] dropped; an
utterance of events alone keeps their names.
"""

from __future__ import annotations

import re
from pathlib import Path

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora import Recording, files, folders, read_text_lines, words

SESSIONS = 5
EMOTIONS = ("ang", "dis", "exc", "fea", "fru", "hap", "neu", "oth", "sad", "sur", "xxx")
VPC = {"ang": "ang", "hap": "hap", "exc": "hap", "neu": "neu", "sad": "sad"}
HINT = "ask for IEMOCAP at sail.usc.edu/iemocap and give the folder of Session1 ... Session5"
_LABEL = re.compile(r"\[[\d. ]+-[\d. ]+\]\t(\S+)\t(\S+)\t\[.*\]")
_TRANSCRIPT = re.compile(r"(Ses\S+) \[[\d.]+-[\d.]+\]:(.*)")


def read(root: Path, *, all_emotions: bool = False) -> list[Recording]:
    """The utterances of the five sessions, with table utt2emo and, by speaker, spk2fold (1-5).

    Args:
        root: the folder of Session1 ... Session5 (IEMOCAP_full_release).
        all_emotions: every utterance under its own label (xxx: no majority); else the four classes above.

    Raises:
        MissingModelError: a session is not there.
        DataError: a recording without label or transcript, a label without recording, an unknown label, or a name that
            is not of the layout.
    """
    recordings = []
    for session in range(1, SESSIONS + 1):
        folder = root / f"Session{session}"
        for part in ("sentences/wav", "dialog/EmoEvaluation", "dialog/transcriptions"):
            if not (folder / part).is_dir():
                raise MissingModelError(f"{folder / part}: no such folder", HINT)
        for dialog in folders(folder / "sentences" / "wav"):
            recordings += _read_dialog(folder, dialog, session, all_emotions)
    return recordings


def _read_dialog(session: Path, dialog: Path, number: int, all_emotions: bool) -> list[Recording]:
    if not re.fullmatch(rf"Ses{number:02d}[FM]_\w+", dialog.name):
        raise DataError(f"{dialog}: expected a folder Ses{number:02d}<F|M>_<dialog>")
    label_file = session / "dialog" / "EmoEvaluation" / f"{dialog.name}.txt"
    text_file = session / "dialog" / "transcriptions" / f"{dialog.name}.txt"
    labels, texts = _read_labels(label_file), _read_texts(text_file)
    audio = {path.stem: path for path in files(dialog, ".wav", ".flac")}
    for name in labels:
        if name not in audio:
            raise DataError(f"{label_file}: {name} has no audio: {dialog / name}.wav is missing")
    recordings = []
    for name, path in audio.items():
        letter = re.fullmatch(rf"{dialog.name}_([FM])\d+", name)
        if not letter:
            raise DataError(f"{path}: expected a name {dialog.name}_<F|M><nnn>")
        if name not in labels:
            raise DataError(f"{path}: no emotion: {label_file} has no line for {name}")
        if name not in texts:
            raise DataError(f"{path}: no transcript: {text_file} has no line for {name}")
        emotion = labels[name] if all_emotions else VPC.get(labels[name])
        if emotion is None:
            continue
        speaker = f"Ses{number:02d}{letter[1]}"
        recordings.append(
            Recording(
                f"{speaker}-{name}", speaker, path, letter[1].lower(), texts[name],
                {"utt2emo": emotion}, {"spk2fold": str(number)},
            )
        )  # fmt: skip
    return recordings


def _read_labels(path: Path) -> dict[str, str]:
    """Emotion by utterance; the lines of the single raters (C-E1: ..., A-E2: ...) are passed over."""
    labels: dict[str, str] = {}
    for number, line in enumerate(read_text_lines(path), 1):
        if not line.startswith("["):
            continue
        found = _LABEL.match(line.strip())
        if not found or found[2] not in EMOTIONS:
            raise DataError(
                f"{path}:{number}: expected `[start - end] TAB utterance TAB emotion TAB [v, a, d]` with one of"
                f" {', '.join(EMOTIONS)}, found {line[:80]!r}"
            )
        if found[1] in labels:
            raise DataError(f"{path}:{number}: {found[1]} stands twice")
        labels[found[1]] = found[2]
    return labels


def _read_texts(path: Path) -> dict[str, str]:
    """Text by utterance. Lines of other forms are stage directions and unheard turns; those have no audio."""
    texts = {}
    for number, line in enumerate(read_text_lines(path), 1):
        found = _TRANSCRIPT.match(line.strip())
        if found:
            spoken = words(re.sub(r"\[[^]]*\]", " ", found[2]))
            texts[found[1]] = spoken or words(found[2])
            if not texts[found[1]]:
                raise DataError(f"{path}:{number}: no words for {found[1]}")
    return texts
