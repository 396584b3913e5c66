"""Common Voice: a stand-in in its exact layout, what speakers may say of themselves, damages, and the real thing."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from standins import put_audio, put_text

from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.corpora import data_dir, words
from pseudovox.corpora.commonvoice import adult_age_said, adults, everybody, find_languages, gender_said, read
from pseudovox.data.datadir import DataDir

Program = Callable[..., subprocess.CompletedProcess[str]]
SCRIPT = "local/prepare_commonvoice.py"
CORPORA = Path(os.environ.get("PSEUDOVOX_CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora"))
HEAD = "client_id\tpath\tsentence_id\tsentence\tup_votes\tage\tgender\taccents\tlocale"
ANNA, BERT, CARA, DANA = (digit * 128 for digit in "abcd")


def line(
    client: str, number: int, sentence: str = "He's here.", age: str = "", gender: str = "", language: str = "en"
) -> str:
    clip = f"common_voice_{language}_{number}.mp3"
    return "\t".join((client, clip, "0123abcd", sentence, "2", age, gender, "", language))


LINES = (
    line(BERT, 37, 'The word "Buzz" has 4 letters', "twenties", "male_masculine"),
    line(BERT, 101, "No\u2019s no \u2014 he said", "", ""),
    line(ANNA, 205, "\u00c0 bient\u00f4t!", "fourties", "female"),
    line(CARA, 300, "Well, well; well", "teens", "female_feminine"),
    line(DANA, 301, age="sixties", gender="other"),
    line(DANA, 302),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four speakers in English: an adult of each gender, a teenager, and one of neither."""
    root = tmp_path / "cv-corpus-24.0-2025-12-05"
    put_text(root / "en" / "validated.tsv", HEAD, *LINES)
    for number in (37, 101, 205, 300, 301, 302, 999):  # the last one was not validated
        put_audio(root / "en" / "clips" / f"common_voice_en_{number}.mp3", seconds=0.5)
    return root


def test_tables(root: Path, prepared: Callable[..., Path]) -> None:
    out = prepared(SCRIPT, root.parent, "--language", "en", "--adults")
    data = DataDir.load(out / "commonvoice_en")
    assert data.speakers == [f"cv{digit * 12}" for digit in "abcd"]
    assert data.text == {
        "cvaaaaaaaaaaaa-en_205": "\u00c0 BIENT\u00d4T", "cvbbbbbbbbbbbb-en_101": "NO'S NO HE SAID",
        "cvbbbbbbbbbbbb-en_37": "THE WORD BUZZ HAS 4 LETTERS", "cvcccccccccccc-en_300": "WELL WELL WELL",
        "cvdddddddddddd-en_301": "HE'S HERE", "cvdddddddddddd-en_302": "HE'S HERE",
    }  # fmt: skip
    assert "spk2gender" not in data.tables and "spk2age" not in data.tables
    assert set(data.tables["utt2lang"].values()) == {"en"}
    grown = DataDir.load(out / "commonvoice_en_adults")
    assert grown.spk2gender == {"cvaaaaaaaaaaaa": "f", "cvbbbbbbbbbbbb": "m"}
    assert grown.tables["spk2age"] == {"cvaaaaaaaaaaaa": "fourties", "cvbbbbbbbbbbbb": "twenties"}


def test_gender_where_all_say_it(root: Path) -> None:
    put_text(root / "en" / "validated.tsv", HEAD, *LINES[:4])
    chosen = everybody(read(root, "en"))
    assert [one.gender for one in chosen] == ["m", "m", "f", "f"] and not any(one.speaker_tables for one in chosen)


def test_columns_in_any_order_and_another_table(root: Path, prepared: Callable[..., Path]) -> None:
    put_text(
        root / "zh-CN" / "train.tsv", "sentence\tpath\tclient_id", f"\u4f60\u597d 2\tcommon_voice_zh-CN_7.mp3\t{ANNA}"
    )  # fmt: skip
    put_audio(root / "zh-CN" / "clips" / "common_voice_zh-CN_7.ogg")  # re-encoded
    assert list(find_languages(root)) == ["en"] and list(find_languages(root, "train")) == ["zh-CN"]
    data = DataDir.load(prepared(SCRIPT, root, "--table", "train") / "commonvoice_zh-CN_train")
    assert data.text == {"cvaaaaaaaaaaaa-zh-CN_7": "\u4f60\u597d 2"}


def test_a_sentence_without_words_is_named(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    put_text(root / "en" / "validated.tsv", HEAD, LINES[0], line(ANNA, 205, "' \u2026"))
    with caplog.at_level("WARNING", "pseudovox"):
        assert len(read(root, "en")) == 1
    assert "validated.tsv:3: left out: no words in" in caplog.text


@pytest.mark.parametrize(
    ("said", "gender"),
    [
        ([], ""),
        (["", ""], ""),
        (["", "female"], "f"),
        (["female_feminine", "female", "other"], "f"),
        (["male", "other"], ""),
        (["male", "male", "female"], ""),
        (["non-binary", "transgender"], ""),
    ],
)
def test_gender(said: list[str], gender: str) -> None:
    assert gender_said(said) == gender


@pytest.mark.parametrize(
    ("said", "age"),
    [
        ([], ""),
        (["", "twenties"], "twenties"),
        (["thirties", "twenties", "thirties"], "thirties"),
        (["thirties", "twenties"], "twenties"),
        (["teens", "twenties", "twenties"], ""),
        (["grown up"], ""),
    ],
)
def test_age(said: list[str], age: str) -> None:
    assert adult_age_said(said) == age


def test_words_of_other_scripts() -> None:
    assert (
        words("\u0939\u093f\u0928\u094d\u0926\u0940 \u0939\u0948\u0964")
        == "\u0939\u093f\u0928\u094d\u0926\u0940 \u0939\u0948"
    )  # vowel signs
    assert words("cafe\u0301_no. 5") == "CAFE\u0301 NO 5"  # an accent of its own


def rewrite(*lines: str) -> Callable[[Path], None]:
    return lambda root: put_text(root / "en" / "validated.tsv", *lines)


def two_containers(root: Path) -> None:
    clip = root / "en/clips/common_voice_en_205.mp3"
    clip.unlink()
    put_audio(clip.with_suffix(".ogg"), clip.with_suffix(".wav"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "en/clips/common_voice_en_205.mp3").unlink(), r"tsv:4: .*en_205\.mp3 is missing"),
        (two_containers, r"common_voice_en_205\.ogg: common_voice_en_205\.wav lies there, too: which one"),
        (rewrite("client_id\tpath", *LINES), r"tsv:1: no column sentence in the head"),
        (rewrite("path\tpath\tclient_id\tsentence", *LINES), r"tsv:1: a column that stands twice in the head"),
        (rewrite(HEAD, LINES[0], f"{ANNA}\tx.mp3"), r"tsv:3: 2 columns, expected 9 as in the head"),
        (rewrite(HEAD, line("anna", 205)), r"tsv:2: client_id 'anna', expected 12 hexadecimal digits"),
        (rewrite(HEAD, line(ANNA, 205, language="fr")), r"tsv:2: expected a clip common_voice_en_<digits>\.mp3"),
        (rewrite(HEAD, LINES[0].replace("common", "../common")), r"tsv:2: expected a clip common_voice_en_"),
        (rewrite(HEAD, LINES[0], LINES[0]), r"tsv:3: common_voice_en_37\.mp3 stands twice"),
        (
            rewrite(HEAD, LINES[2], line(ANNA[:12] + BERT, 37)),
            r"tsv:3: a{12}b{8}\.\.\. would be called cva{12}, as another",
        ),
        (lambda root: (root / "en/validated.tsv").write_bytes(b"\xff\n"), r"validated\.tsv: not UTF-8"),
    ],
)
def test_what_is_refused(root: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(root)
    with pytest.raises(DataError, match=message):
        read(root, "en")


def test_two_versions(root: Path) -> None:
    put_text(root.parent / "cv-corpus-23.0" / "en" / "validated.tsv", HEAD)
    with pytest.raises(DataError, match=r"cv-corpus-23\.0 and cv-corpus-24\.0-2025-12-05: which one"):
        find_languages(root.parent)


def test_what_is_missing(root: Path, tmp_path: Path, program: Program) -> None:
    with pytest.raises(MissingModelError, match=r"fr/validated\.tsv: no such file; languages there: en"):
        read(root, "fr")
    for folder, message in ((tmp_path / "nowhere", "no such folder"), (root / "en", "no language there")):
        missing = program(SCRIPT, folder, tmp_path / "out")
        assert missing.returncode == 4 and message in missing.stderr and "Traceback" not in missing.stderr
    refused = program(SCRIPT, "--language", "../en", root, tmp_path / "out")
    assert refused.returncode == 2 and "'../en': expected the name of a language" in refused.stderr


@pytest.mark.skipif(not (CORPORA / "CommonVoice").is_dir(), reason="Common Voice is not there")
def test_real() -> None:
    recordings = read(CORPORA / "CommonVoice", "fr")
    data = data_dir(adults(recordings), "fr", jobs=2)
    data.check()
    assert len({one.speaker for one in recordings}) == 260 and "teens" not in data.tables["spk2age"].values()
    assert set(data.spk2gender.values()) == {"f", "m"} and all(text.isupper() for text in data.text.values())
