"""speechocean762: a stand-in in its exact layout, what the reader refuses, and the real thing where it lies."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from standins import put_audio, put_text

from pseudovox.core.errors import DataError, MissingModelError, UsageError
from pseudovox.corpora import data_dir
from pseudovox.corpora.speechocean762 import adults, held_out, read_part
from pseudovox.data.datadir import DataDir

Program = Callable[..., subprocess.CompletedProcess[str]]
SCRIPT = "local/prepare_speechocean762.py"
CORPORA = Path(os.environ.get("PSEUDOVOX_CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora"))
SPEAKERS = {
    "train": {
        "0001": ("m", 6), "0005": ("m", 18), "0006": ("f", 43), "0024": ("m", 20), "0026": ("f", 17), "0036": ("f", 21),
        "0044": ("m", 30), "0048": ("f", 22),
    },
    "test": {"0003": ("m", 10), "9012": ("f", 25)},
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two sentences a speaker; tabs between the columns of train, blanks between those of test."""
    root = tmp_path / "speechocean762"
    for part, speakers in SPEAKERS.items():
        between = "\t" if part == "train" else " "
        spoken = [(f"{speaker}{number}", speaker) for speaker in speakers for number in ("00011", "00035")]
        tables = {
            "wav.scp": [(name, f"WAVE/SPEAKER{speaker}/{name}.WAV") for name, speaker in spoken],
            "utt2spk": spoken,
            "text": [(name, "IT'S A BEAR") for name, _ in spoken],
            "spk2gender": [(speaker, gender) for speaker, (gender, _) in speakers.items()],
            "spk2age": [(speaker, str(age)) for speaker, (_, age) in speakers.items()],
        }
        for name, lines in tables.items():
            put_text(root / part / name, *(between.join(line) for line in lines))
        put_audio(*(root / "WAVE" / f"SPEAKER{speaker}" / f"{name}.WAV" for name, speaker in spoken))
    return root


def test_tables(root: Path, prepared: Callable[..., Path]) -> None:
    out = prepared(SCRIPT, root.parent)
    assert {path.name for path in out.iterdir()} == {"speechocean762_train", "speechocean762_test"}
    data = DataDir.load(out / "speechocean762_test")
    assert data.utterances == [
        f"so{one}" for one in ("0003-000300011", "0003-000300035", "9012-901200011", "9012-901200035")
    ]
    assert data.spk2gender == {"so0003": "m", "so9012": "f"}
    assert data.tables["spk2age"] == {"so0003": "10", "so9012": "25"}
    assert set(data.text.values()) == {"IT'S A BEAR"} and set(data.tables["utt2dur"].values()) == {"0.1"}


def test_adults_and_development_set(root: Path, prepared: Callable[..., Path]) -> None:
    out = prepared(SCRIPT, root, "--adults", "--dev", 1)
    speakers = {path.name.removeprefix("speechocean762_"): DataDir.load(path).speakers for path in out.iterdir()}
    assert speakers == {
        "dev": ["so0024", "so0036"],
        "train": ["so0001", "so0005", "so0006", "so0026", "so0044", "so0048"],
        "train_adults": ["so0005", "so0006", "so0044", "so0048"],
        "test": ["so0003", "so9012"],
        "test_adults": ["so9012"],
    }


def test_held_out_speakers_are_spread_evenly(root: Path) -> None:
    train = read_part(root, "train")
    assert held_out(train, 2) == {"so0005", "so0044", "so0006", "so0048"}
    assert len(held_out(train, 3)) == 6 and held_out(train, 3) == {one.speaker for one in adults(train)}
    with pytest.raises(UsageError, match="4 adult speakers of gender f wanted, and train has 3"):
        held_out(train, 4)


def test_usage(root: Path, tmp_path: Path, program: Program) -> None:
    for options in (("--dev", -1), ("--dev", 1, "--part", "test")):
        refused = program(SCRIPT, *options, root, tmp_path / "out")
        assert refused.returncode == 2 and f"--dev {options[1]}: expected" in refused.stderr
    (root / "test" / "spk2age").write_text("0003 10\n9012 11\n")
    none = program(SCRIPT, "--part", "test", "--adults", root, tmp_path / "out")
    assert none.returncode == 3 and "speechocean762_test_adults: the corpus has no recordings for it" in none.stderr


def test_another_container(root: Path, tmp_path: Path) -> None:
    folder = root / "WAVE" / "SPEAKER0003"
    (folder / "000300011.WAV").unlink()
    put_audio(folder / "000300011.ogg")
    assert [one.audio.suffix for one in read_part(root, "test")][:2] == [".ogg", ".WAV"]
    put_audio(folder / "000300035.flac")  # beside the file that wav.scp names, which is taken
    assert [one.audio.suffix for one in read_part(root, "test")][:2] == [".ogg", ".WAV"]


def change(root: Path, table: str, old: str, new: str) -> None:
    path = root / "test" / table
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def two_containers(root: Path) -> None:
    folder = root / "WAVE" / "SPEAKER0003"
    (folder / "000300011.WAV").unlink()
    put_audio(folder / "000300011.ogg", folder / "000300011.flac")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "WAVE/SPEAKER0003/000300035.WAV").unlink(), r"wav\.scp:2: .*000300035\.WAV is missing"),
        (two_containers, r"000300011\.flac: 000300011\.ogg lies there, too: which one"),
        (lambda root: (root / "test/text").unlink(), r"test/text: no such file"),
        (lambda root: (root / "test/spk2age").unlink(), r"test/spk2age: no such file"),
        (lambda root: change(root, "text", "000300035 IT'S A BEAR\n", ""),
         r"wav\.scp:2: 000300035 has no line in .*text"),
        (lambda root: change(root, "text", "000300035", "1"), r"wav\.scp:2: 000300035 has no line in .*text"),
        (lambda root: change(root, "wav.scp", "000300011 WAVE/SPEAKER0003/000300011.WAV\n", ""),
         r"utt2spk:1: 000300011 has no line in .*wav\.scp"),
        (lambda root: change(root, "text", "000300035 IT'S A BEAR", "000300035 ..."), r"text:2: no words in '\.\.\.'"),
        (lambda root: change(root, "text", "000300035 IT'S A BEAR", "000300035"), r"text:2: 000300035 has no value"),
        (lambda root: change(root, "text", "000300035", "000300011"), r"text:2: 000300011 stands twice"),
        (lambda root: change(root, "utt2spk", " 0003", " Anna"), r"wav\.scp:1: expected ids of digits"),
        (lambda root: change(root, "spk2gender", "9012 f\n", ""), r"wav\.scp:3: speaker 9012 is not in .*spk2gender"),
        (lambda root: change(root, "spk2age", "9012", "9013"), r"wav\.scp:3: speaker 9012 is not in .*spk2age"),
        (lambda root: change(root, "spk2age", "25", "adult"), r"spk2age:2: age 'adult', expected years"),
        (lambda root: change(root, "spk2gender", "9012 f", "9012 x"), r"spk2gender:2: gender 'x'"),
        (lambda root: change(root, "wav.scp", "WAVE/SPEAKER0003", "/etc"), r"wav\.scp:1: expected a file below"),
        (lambda root: change(root, "wav.scp", "WAVE/SPEAKER0003", "../x"), r"wav\.scp:1: expected a file below"),
        (lambda root: change(root, "wav.scp", "000300011.WAV", "a.WAV |"), r"wav\.scp:1: expected a file below"),
    ],
)  # fmt: skip
def test_what_is_refused(root: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(root)
    with pytest.raises(DataError, match=message):
        read_part(root, "test")


def test_what_is_missing(root: Path, tmp_path: Path, program: Program) -> None:
    (root / "train").rename(root / "elsewhere")
    with pytest.raises(MissingModelError, match=r"train: no such folder"):
        read_part(root, "train")
    (tmp_path / "empty").mkdir()
    for folder, message in (("nowhere", "no such folder"), ("empty", "no part of speechocean762 there")):
        missing = program(SCRIPT, tmp_path / folder, tmp_path / "out")
        assert missing.returncode == 4 and message in missing.stderr and "Traceback" not in missing.stderr


@pytest.mark.skipif(not (CORPORA / "speechocean762").is_dir(), reason="speechocean762 is not there")
def test_real() -> None:
    train, test = (read_part(CORPORA / "speechocean762", part) for part in ("train", "test"))
    assert len(train) == len(test) == 2500
    assert not {one.speaker for one in train} & {one.speaker for one in test}
    assert len({one.speaker for one in adults(train)}) == 67
    held = held_out(train, 6)
    data = data_dir([one for one in train if one.speaker in held], "dev", jobs=2)
    data.check()
    assert sorted(data.spk2gender.values()) == ["f"] * 6 + ["m"] * 6 and len(data.utterances) == 240
    assert data.text[data.utterances[0]].isupper()
