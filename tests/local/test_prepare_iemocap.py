"""IEMOCAP: a stand-in tree in its exact layout, its likely damages, and what the step writes."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from standins import put_audio, put_text

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora.iemocap import read
from pseudovox.data.datadir import DataDir

# Utterance's end, emotion, words.
TURNS = (
    ("F000", "neu", "Excuse me."), ("M000", "exc", "Do you have your forms? [LAUGHTER]"), ("F001", "xxx", "Yeah."),
    ("M001", "ang", "[LAUGHTER]"), ("F002", "hap", "Let me see them."), ("M002", "fru", "Is there a problem?"),
    ("F003", "sad", "Who told you to get in this line?"),
)  # fmt: skip


def put_dialog(root: Path, session: int, dialog: str) -> None:
    folder = root / f"Session{session}"
    labels = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    texts = []
    for number, (end, emotion, words) in enumerate(TURNS):
        name = f"{dialog}_{end}"
        put_audio(folder / "sentences" / "wav" / dialog / f"{name}.wav")
        labels += [
            f"[{number}.2901 - {number + 1}.2357]\t{name}\t{emotion}\t[2.5000, 2.5000, 2.5000]",
            "C-E2:\tNeutral;\t()", "C-E4:\tNeutral;\t()", "A-E3:\tval 3; act 2; dom  2;\t()", "",
        ]  # fmt: skip
        texts.append(f"{name} [00{number}.2901-00{number + 1}.2357]: {words}")
    texts += [f"{dialog}_MXX0 [009.1000-009.5000]: Mmhmm.", "M: (not a turn)"]
    put_text(folder / "dialog" / "EmoEvaluation" / f"{dialog}.txt", *labels)
    put_text(folder / "dialog" / "EmoEvaluation" / "Categorical" / f"{dialog}_e2_cat.txt", "x")
    put_text(folder / "dialog" / "transcriptions" / f"{dialog}.txt", *texts)
    put_text(folder / "dialog" / "transcriptions" / f"._{dialog}.txt", "of a Mac")
    put_text(folder / "sentences" / "wav" / dialog / f"._{dialog}_F000.wav", "of a Mac")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "IEMOCAP_full_release"
    for session in range(1, 6):
        put_dialog(root, session, f"Ses{session:02d}F_impro01")
        put_dialog(root, session, f"Ses{session:02d}M_script01_1")
    return root


def test_step(root: Path, prepared: Callable[..., Path]) -> None:
    data = DataDir.load(prepared("local/prepare_iemocap.py", root) / "iemocap")
    assert data.speakers == [f"Ses0{session}{sex}" for session in range(1, 6) for sex in "FM"]
    assert data.spk2gender["Ses03F"] == "f" and data.spk2gender["Ses03M"] == "m"
    assert data.table("spk2fold") == {speaker: speaker[4] for speaker in data.speakers}
    assert len(data.utterances) == 50  # xxx and fru are none of the four
    assert Counter(data.table("utt2emo").values()) == {"hap": 20, "neu": 10, "ang": 10, "sad": 10}
    # The man in the dialog of which the woman wore the markers.
    assert data.utt2spk["Ses01M-Ses01F_impro01_M000"] == "Ses01M"
    assert data.table("utt2emo")["Ses01M-Ses01F_impro01_M000"] == "hap"
    assert data.text["Ses01M-Ses01F_impro01_M000"] == "DO YOU HAVE YOUR FORMS"
    assert data.text["Ses01M-Ses01F_impro01_M001"] == "LAUGHTER"


def test_all_emotions(root: Path) -> None:
    found = read(root, all_emotions=True)
    assert len(found) == 70 and Counter(one.tables["utt2emo"] for one in found)["exc"] == 10


def label_file(root: Path) -> Path:
    return root / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"


def replace(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def text_file(root: Path) -> Path:
    return root / "Session1" / "dialog" / "transcriptions" / "Ses01F_impro01.txt"


def wav(root: Path) -> Path:
    return root / "Session1" / "sentences" / "wav" / "Ses01F_impro01"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda root: (wav(root) / "Ses01F_impro01_F000.wav").unlink(),
            r"impro01\.txt: Ses01F_impro01_F000 has no audio",
        ),
        (lambda root: put_audio(wav(root) / "Ses01F_impro01_F009.wav"), r"F009\.wav: no emotion: .*has no line for"),
        (lambda root: put_audio(wav(root) / "Ses01F_impro02_F000.wav"), r"expected a name Ses01F_impro01_<F\|M><nnn>"),
        (
            lambda root: wav(root).rename(wav(root).with_name("Ses02F_impro01")),
            r"expected a folder Ses01<F\|M>_",
        ),
        (
            lambda root: replace(label_file(root), "\tneu\t", "\tneutral\t"),
            r"impro01\.txt:3: expected .* one of ang",
        ),
        (
            lambda root: replace(label_file(root), "M000", "F000"),
            r"impro01\.txt:8: Ses01F_impro01_F000 stands",
        ),
        (lambda root: replace(text_file(root), "_F000 [", "_F009 ["), r"F000\.wav: no transcript: .* has no line for"),
        (
            lambda root: replace(text_file(root), "Excuse me.", "..."),
            r"impro01\.txt:1: no words for Ses01F_impro01",
        ),
        (lambda root: label_file(root).unlink(), r"EmoEvaluation/Ses01F_impro01\.txt: No such file"),
        (lambda root: text_file(root).unlink(), r"transcriptions/Ses01F_impro01\.txt: No such file"),
    ],
)
def test_what_is_refused(root: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(root)
    with pytest.raises(DataError, match=message):
        read(root)


def test_what_is_missing(root: Path) -> None:
    shutil.rmtree(root / "Session3")
    with pytest.raises(MissingModelError, match="Session3/sentences/wav: no such folder") as caught:
        read(root)
    assert "sail.usc.edu" in caught.value.hint
