"""Hints of recordings, arrays and corpora."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from obeying import command_in, obeyed, options_in, program, shell
from standins import put_audio, put_text

from pseudovox import anonymizer
from pseudovox.corpora import (
    _check_path,
    commonvoice,
    evaluation,
    only_one,
    ravdess,
    read_text_lines,
    spane,
    speechocean762,
    vctk,
)
from pseudovox.data import audio
from pseudovox.data.archive import Archive, write_arrays
from pseudovox.data.datadir import DataDir
from pseudovox.data.datadir.selection import minutes_of_speakers

AUDIO, ARCHIVE, CORPORA = "pseudovox/data/audio.py", "pseudovox/data/archive.py", "pseudovox/corpora/"
NOISE = 0.1 * np.random.default_rng(0).standard_normal(8000).astype(np.float32)


# ---------------------------------------------------------------------- recordings
@obeyed(AUDIO, "a shell command")
def command_in_the_place_of_a_file(tiny_data: DataDir) -> Any:
    tiny_data.tables["wav.scp"]["f1-0"] = "cat wav/f1-0.wav |"
    hint = yield lambda: audio.load(tiny_data, "f1-0")
    assert options_in(hint) == ["--allow-pipes"]
    tiny_data.allow_pipes = True


@obeyed(AUDIO, "is silent, channel {} is not")
def silent_channel(tiny_data: DataDir) -> Any:
    for path in Path("wav").iterdir():
        soundfile.write(path, np.stack([np.zeros(8000), NOISE], axis=1), 16000)
    hint = yield lambda: audio.load(tiny_data, "f1-0")
    option, number = options_in(hint)
    yield lambda: program("steps/extract_f0.py", "--nj", 1, option, number, "data/tiny", "f0")


@obeyed(AUDIO, "a sample rate of {}")
def rate_that_is_none() -> Any:
    hint = yield lambda: audio.from_array(NOISE, 0)
    yield lambda: audio.from_array(NOISE, int(hint.split()[-1]))


@obeyed(AUDIO, "an array of {}")
def array_of_another_type() -> Any:
    hint = yield lambda: audio.from_array((128 + 100 * NOISE).astype(np.uint8), 16000)
    assert ".astype('float32')" in hint
    yield lambda: audio.from_array(((128 + 100 * NOISE).astype(np.uint8) / 128 - 1).astype("float32"), 16000)


@obeyed(AUDIO, "expected (samples,) or (samples, channels)")
def array_of_channels_first() -> Any:
    hint = yield lambda: audio.from_array(NOISE[None], 16000)
    assert hint.endswith("(.T)")
    yield lambda: audio.from_array(NOISE[None].T, 16000)


@obeyed(AUDIO, "{}: shape {}, no samples")
def empty_array() -> Any:
    arrays = [NOISE, NOISE[:0]]
    yield lambda: [audio.from_array(array, 16000) for array in arrays]
    arrays.pop()


@obeyed(AUDIO, "samples up to {}; full scale is 1")
def array_on_no_scale() -> Any:
    yield lambda: audio.from_array(1e12 * NOISE, 16000)
    yield lambda: audio.from_array(1e12 * NOISE / np.abs(1e12 * NOISE).max(), 16000)


@obeyed("pseudovox/anonymizer.py", "s of speech; {} s are needed")
def speech_too_short() -> Any:
    yield lambda: anonymizer.check_length(NOISE[:100], "a")
    yield lambda: anonymizer.check_length(np.concatenate([NOISE[:100], NOISE[100:]]), "a")


def _wav(samples: np.ndarray) -> Any:
    soundfile.write("a.wav", samples, 16000, subtype="FLOAT")


@obeyed(AUDIO, "holds samples of up to")
def file_on_no_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    _wav(1e12 * NOISE)
    hint = yield lambda: audio.survey("a.wav")
    stand_in("sox", "import soundfile; x, r = soundfile.read(a[-2]); soundfile.write(a[-1], x / abs(x).max(), r)")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    shell(command_in(hint, "sox").replace("IN.wav", "a.wav").replace("OUT.wav", "b.wav"))
    yield lambda: audio.survey("b.wav")


def stand_in(name: str, code: str) -> None:
    """A program of a name, in the working directory, that does in Python what the real one does; `a`: its words."""
    import sys

    Path(name).write_text(f"#!{sys.executable}\nimport sys\na = sys.argv[1:]\n{code}\n")
    Path(name).chmod(0o755)


@obeyed(AUDIO, "{}: holds no samples")
def file_without_samples(tmp_path: Path) -> Any:
    _wav(NOISE[:0])
    yield lambda: audio.survey("a.wav")
    _wav(NOISE)


@obeyed(AUDIO, "{} {}")
def file_cut_off(tmp_path: Path) -> Any:
    _wav(NOISE)
    whole = Path("a.wav").read_bytes()
    Path("a.wav").write_bytes(whole[:2000])
    yield lambda: audio.survey("a.wav")
    Path("a.wav").write_bytes(whole)


@obeyed(AUDIO, "cannot be read as audio")
def file_of_another_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    Path("a.wav").write_bytes(NOISE.tobytes())
    hint = yield lambda: audio.survey("a.wav")
    stand_in("ffmpeg", "import numpy, soundfile\nsoundfile.write(a[-1], numpy.fromfile(a[1], 'float32'), 16000)")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    shell(command_in(hint, "ffmpeg").replace(" IN ", " a.wav "))
    yield lambda: audio.survey("OUT.flac")


@obeyed(AUDIO, "{} holds NaN or infinite samples")
def file_with_nan(tmp_path: Path) -> Any:
    _wav(np.where(np.arange(8000) == 5, np.nan, NOISE))
    yield lambda: audio.survey("a.wav")
    _wav(NOISE)


# ---------------------------------------------------------------------- arrays
def _archive(**arrays: np.ndarray) -> Archive:
    write_arrays(Path(), "x", arrays, Path())
    return Archive("x.scp")


@obeyed(ARCHIVE, "cannot read")
def archive_that_is_gone(tmp_path: Path) -> Any:
    _archive(a=NOISE)
    Path("x.ark").unlink()
    yield lambda: Archive("x.scp")["a"]
    _archive(a=NOISE)


@obeyed(ARCHIVE, "holds NaN or infinite values")
def archive_with_nan(tmp_path: Path) -> Any:
    _archive(a=NOISE * np.nan)
    yield lambda: Archive("x.scp")["a"]
    _archive(a=NOISE)


@obeyed(ARCHIVE, "dimension {}, expected {}")
def archive_of_another_size(tmp_path: Path) -> Any:
    _archive(a=NOISE[:5])
    yield lambda: Archive("x.scp", dimension=8)["a"]
    _archive(a=NOISE[:8])


# ---------------------------------------------------------------------- folders of recordings
def _folder(*words: object) -> None:
    program("local/prepare_folder.py", "--nj", 1, *words)


@obeyed(CORPORA + "folder.py", "no such folder")
def recordings_elsewhere(tmp_path: Path) -> Any:
    put_audio(Path("in/anna/a.wav"))
    yield lambda: _folder("inn", "data")
    yield lambda: _folder("in", "data")


@obeyed(CORPORA + "folder.py", "{}: {}")
def file_of_a_kind_that_is_not_read(tmp_path: Path) -> Any:
    from pseudovox.corpora.folder import read_folder

    put_audio(Path("in/anna/a.wav"))
    Path("in/anna/b.m4a").write_bytes(b"")
    hint = yield lambda: read_folder(Path("in"), with_text=False)
    assert command_in(hint, "ffmpeg") == "ffmpeg -i 'b.m4a' 'b.flac', for each"
    Path("in/anna/b.m4a").unlink()  # "ffmpeg ... for each": it is a FLAC now
    put_audio(Path("in/anna/b.flac"))


@obeyed(CORPORA + "folder.py", "no audio files")
def folder_of_other_files(tmp_path: Path) -> Any:
    put_text(Path("in/a.pdf"))
    hint = yield lambda: _folder("in", "data")
    put_audio(Path("in").joinpath(f"a.{hint.split()[-1]}" if "wav" not in hint else "a.wav"))


@obeyed(CORPORA + "folder.py", "other files have; {} lack them")
def text_of_some_files(tmp_path: Path) -> Any:
    put_audio(Path("in/anna/a.wav"), Path("in/anna/b.wav"))
    put_text(Path("in/anna/a.txt"), "words")
    hint = yield lambda: _folder("in", "data")
    yield lambda: _folder(*options_in(hint), "in", "data")


@obeyed(CORPORA + "folder.py", "{}: no words in it")
def text_without_words(tmp_path: Path) -> Any:
    put_audio(Path("in/anna/a.wav"))
    put_text(Path("in/anna/a.txt"), "...")
    hint = yield lambda: _folder("in", "data")
    yield lambda: _folder(*options_in(hint), "in", "data")


@obeyed(CORPORA + "__init__.py", "{}")
def some_files_are_no_recordings(tmp_path: Path) -> Any:
    put_audio(Path("in/anna/a.wav"))
    put_text(Path("in/anna/b.wav"), "this is no recording")
    hint = yield lambda: _folder("in", "data")
    Path("in/anna/b.wav").unlink()
    yield lambda: _folder(*options_in(hint), "in", "data")


@obeyed(CORPORA + "__init__.py", "the file name is not UTF-8")
def file_name_in_another_encoding() -> Any:
    yield lambda: _check_path(Path("caf\udce9.wav"))
    yield lambda: _check_path(Path("café.wav"))


@obeyed(CORPORA + "__init__.py", "a file name with a control character")
def file_name_with_a_line_break() -> Any:
    yield lambda: _check_path(Path("a\n.wav"))
    yield lambda: _check_path(Path("a.wav"))


@obeyed(CORPORA + "__init__.py", "{}: not UTF-8")
def text_of_a_corpus_in_another_encoding(tmp_path: Path) -> Any:
    Path("a b.txt").write_bytes("où".encode("latin1"))
    hint = yield lambda: read_text_lines(Path("a b.txt"))
    shell(command_in(hint))
    assert read_text_lines(Path("a b.txt")) == ["où"]


@obeyed(CORPORA + "__init__.py", "lies there, too: which one?")
def recording_in_two_formats(tmp_path: Path) -> Any:
    put_audio(Path("a.wav"), Path("a.flac"))
    yield lambda: only_one(sorted(Path().glob("a.*")))
    Path("a.wav").unlink()


# ---------------------------------------------------------------------- corpora
@obeyed(CORPORA + "commonvoice.py", "which one?")
def versions_of_common_voice(tmp_path: Path) -> Any:
    for version in (1, 2):
        put_text(Path(f"cv/cv-corpus-{version}/en/validated.tsv"), "x")
    yield lambda: commonvoice.find_languages(Path("cv"))
    yield lambda: commonvoice.find_languages(Path("cv/cv-corpus-2"))


@obeyed(CORPORA + "evaluation.py", "which cannot both enrol and be tried")
def speaker_of_one_utterance(tiny_data: DataDir) -> Any:
    tiny_data.subset(tiny_data.utterances[3:]).write(Path("data/few"))
    hint = yield lambda: evaluation.evaluation_sets(DataDir.load("data/few"), 0.5, 1)
    Path("LIST").write_text("m1\nm2\n")
    shell(command_in(hint).partition(", with")[0])
    yield lambda: evaluation.evaluation_sets(DataDir.load("NEW"), 0.5, 1)


@obeyed(CORPORA + "evaluation.py", "no non-target trials without another")
def speaker_alone_of_a_gender(tiny_data: DataDir) -> Any:
    yield lambda: evaluation.evaluation_sets(tiny_data, 0.5, 1)
    yield lambda: evaluation.evaluation_sets(tiny_data.subset(tiny_data.utterances[4:]), 0.5, 1)


@obeyed(CORPORA + "ravdess.py", "expected 03-01-")
def songs_among_the_speech(tmp_path: Path) -> Any:
    put_audio(Path("Actor_01/03-02-01-01-01-01-01.wav"))
    yield lambda: ravdess.read_actor(Path(), 1)
    Path("Actor_01/03-02-01-01-01-01-01.wav").unlink()


@obeyed(CORPORA + "speechocean762.py", "has no line in")
def table_of_speechocean_that_lacks_a_line(tmp_path: Path) -> Any:
    put_text(Path("train/wav.scp"), "a WAVE/a.wav")
    put_text(Path("train/utt2spk"), "a s", "b s")
    put_text(Path("train/text"), "a WORDS", "b WORDS")
    hint = yield lambda: speechocean762.read_part(Path(), "train")
    put_text(Path(hint.split()[1].rstrip(",")), "a WAVE/a.wav", "b WAVE/b.wav")


def _vctk(**settings: Any) -> Any:
    return vctk.read(Path("VCTK"), **{"mic": 1, "with_text": True, **settings})


@obeyed(CORPORA + "vctk.py", "is not in {}")
def speaker_of_vctk_without_a_line(vctk_corpus: Path) -> Any:
    table = vctk_corpus / "speaker-info.txt"
    put_text(table, "ID  AGE  GENDER  ACCENTS")
    hint = yield _vctk
    put_text(Path(hint.split()[-1]), "ID  AGE  GENDER  ACCENTS", "p225  23  F    English")


@obeyed(CORPORA + "vctk.py", "which one?")
def folders_of_vctk_that_are_two(vctk_corpus: Path) -> Any:
    (vctk_corpus / "wav16_silence_trimmed").mkdir()
    yield _vctk
    (vctk_corpus / "wav16_silence_trimmed").rmdir()


@obeyed(CORPORA + "vctk.py", "nothing from microphone")
def microphone_of_vctk_that_is_not_there(vctk_corpus: Path) -> Any:
    (vctk_corpus / "wav48_silence_trimmed/p225/p225_001_mic1.flac").unlink()
    hint = yield _vctk
    yield lambda: _vctk(mic=int(options_in(hint)[1]))


@obeyed(CORPORA + "vctk.py", "no transcript")
def transcript_of_vctk_that_is_not_there(vctk_corpus: Path) -> Any:
    (vctk_corpus / "txt/p225/p225_001.txt").unlink()
    hint = yield lambda: program("local/prepare_vctk.py", "VCTK", "data")
    yield lambda: program("local/prepare_vctk.py", *options_in(hint), "VCTK", "data")


@obeyed(CORPORA + "vctk.py", "no words in it")
def transcript_of_vctk_without_words(vctk_corpus: Path) -> Any:
    put_text(vctk_corpus / "txt/p225/p225_001.txt", "...")
    hint = yield lambda: program("local/prepare_vctk.py", "VCTK", "data")
    yield lambda: program("local/prepare_vctk.py", *options_in(hint), "VCTK", "data")


def _vox(*words: object) -> None:
    program("local/prepare_voxceleb.py", "--nj", 1, *words)


@obeyed(CORPORA + "voxceleb.py", "it says who is female or male")
def voxceleb_without_its_table(vox: Path) -> Any:
    (vox / "vox1_meta.csv").rename("meta.csv")
    hint = yield lambda: _vox(vox, "data")
    yield lambda: _vox(options_in(hint)[0], "meta.csv", vox, "data")


@obeyed(CORPORA + "voxceleb.py", "m4a files cannot be read")
def voxceleb_of_m4a(vox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    Path("vox/dev/wav/id10001/video/00001.wav").rename("vox/dev/wav/id10001/video/00001.m4a")
    hint = yield lambda: _vox(vox, "data")
    stand_in("ffmpeg", "import shutil; shutil.copy(a[a.index('-i') + 1], a[-1])")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    shell(hint)


@obeyed(CORPORA + "voxceleb.py", "is not among the recordings")
def voxceleb_without_its_test_part(vox: Path) -> Any:
    name = "id10001/video/00001.wav"
    put_text(Path("LIST"), f"1 {name} id10001/video/00002.wav", f"0 {name} id10270/video/00001.wav")
    put_audio(Path("vox/dev/wav/id10001/video/00002.wav"))
    yield lambda: _vox("--trials", "LIST", vox, "data")
    put_audio(Path("vox/test/wav/id10270/video/00001.wav"))
    put_text(Path("vox/vox1_meta.csv"), "VoxCeleb1 ID\tVGGFace1 ID\tGender", "id10001\tNobody\tf", "id10270\tNobody\tm")


@obeyed("local/download.py", "download what?")
def download_of_nothing(capsys: pytest.CaptureFixture[str]) -> Any:
    hint = yield lambda: program("local/download.py")
    yield lambda: program(*hint.split())


@obeyed("pseudovox/corpora/downloads/catalogue.py", "no corpus, weights or recipe with needs")
def download_of_what_is_not_offered(capsys: pytest.CaptureFixture[str]) -> Any:
    hint = yield lambda: program("local/download.py", "librispech")
    program(*hint.split())
    offered = capsys.readouterr().out.splitlines()[1].split()[0]
    yield lambda: program("local/download.py", "--list", offered)


@obeyed("pseudovox/corpora/downloads/unpacking.py", "a damaged archive")
def damaged_archive(tmp_path: Path) -> Any:
    import tarfile

    from pseudovox.corpora.downloads.unpacking import unpack

    Path("x.tar").write_bytes(b"no archive")
    hint = yield lambda: unpack(Path("x.tar"), Path("one"), 10**6)
    shell(command_in(hint))
    assert not Path("x.tar").exists()
    put_text(Path("file"), "words")
    with tarfile.open("x.tar", "w") as archive:  # it comes again
        archive.add("file")
    yield lambda: unpack(Path("x.tar"), Path("two"), 10**6)


# ---------------------------------------------------------------------- SpAnE's data files
def _spane(*lines: str) -> Path:
    put_audio(Path("corpora/a/a-1.wav"), Path("corpora/a/a-2.wav"))
    put_text(Path("data.txt"), '{"path": "{root}/a/a-1.wav", "duration": 0.1, "label": "a"}', *lines)
    return Path("data.txt")


@obeyed(f"{CORPORA}spane.py", "no JSON object")
def line_that_is_no_json(empty: Path) -> Any:
    hint = yield lambda: spane.read(_spane("a-2.wav 0.1 a"), Path("corpora"))
    shown = hint[hint.index("{") : hint.rindex("}") + 1]
    line = shown.replace("{root}/a.wav", "{root}/a/a-2.wav").replace("speaker", "a")
    yield lambda: spane.read(_spane(line), Path("corpora"))


@obeyed(f"{CORPORA}spane.py", "{}: {} {}, which the lines before it {}")
def key_that_some_lines_lack(empty: Path) -> Any:
    line = '{"path": "{root}/a/a-2.wav", "duration": 0.1, "label": "a", "age": 4}'
    hint = yield lambda: spane.read(_spane(line), Path("corpora"))
    assert "'age', or none" in hint
    yield lambda: spane.read(_spane(line.replace(', "age": 4', "")), Path("corpora"))


@obeyed(f"{CORPORA}spane.py", "{}: {} stands in line {}, too ({})")
def file_of_two_lines(empty: Path) -> Any:
    again = '{"path": "{root}/a/a-1.wav", "duration": 0.1, "label": "a"}'
    hint = yield lambda: spane.read(_spane(again), Path("corpora"))
    assert "take one of them out" in hint
    yield lambda: spane.read(_spane(), Path("corpora"))


@obeyed(f"{CORPORA}spane.py", "{}: {} of speaker {} is {} here and {} in line {}")
def speaker_of_two_ages(empty: Path) -> Any:
    lines = [f'{{"path": "{{root}}/a/a-{n}.wav", "duration": 0.1, "label": "a", "KEY": {n}}}' for n in (1, 2)]
    file = Path("data.txt")
    _spane()
    put_text(file, *(line.replace("KEY", "mood") for line in lines))
    hint = yield lambda: spane.read(file, Path("corpora"))
    key = hint.partition("call the key ")[2].partition(",")[0]
    put_text(file, *(line.replace("KEY", key) for line in lines))
    yield lambda: spane.read(file, Path("corpora"))


@obeyed(f"{CORPORA}spane.py", "what does {} stand for?")
def root_that_is_not_given(empty: Path) -> Any:
    file = _spane()
    hint = yield lambda: program("local/prepare_spane.py", file, "data")
    assert options_in(hint)[0] == "--root"
    yield lambda: program("local/prepare_spane.py", "--root", "corpora", file, "data")


@obeyed(f"{CORPORA}spane.py", "{}: {}: no such file")
def root_that_is_another(empty: Path) -> Any:
    file = _spane()
    hint = yield lambda: program("local/prepare_spane.py", "--root", "elsewhere", file, "data")
    assert options_in(hint)[0] == "--root" and "in which ./a/a-1.wav lies" in hint
    yield lambda: program("local/prepare_spane.py", "--root", "corpora", file, "data")


@obeyed(f"{CORPORA}spane.py", "a data file names whole files")
def parts_in_a_data_file(tiny_data: DataDir) -> Any:
    tiny_data.tables["segments"] = {one: f"{one} 0 0.5" for one in tiny_data.utterances}
    tiny_data.write()
    hint = yield lambda: program("local/export_spane.py", "data/tiny", "files")
    shell(command_in(hint).replace("NEW", "data/new"))
    yield lambda: program("local/export_spane.py", "data/new", "files")


@obeyed(f"{CORPORA}spane.py", "a command, and a data file names files")
def command_in_a_data_file(tiny_data: DataDir) -> Any:
    tiny_data.tables["wav.scp"]["f1-0"] = "cat wav/f1-0.wav |"
    tiny_data.write()
    hint = yield lambda: program("local/export_spane.py", "--allow-pipes", "data/tiny", "files")
    shell(command_in(hint).replace("NEW", "data/new"))
    yield lambda: program("local/export_spane.py", "data/new", "files")


@obeyed(f"{CORPORA}spane.py", "no such utterance in {}")
def list_of_others(tiny_data: DataDir) -> Any:
    put_text(Path("trials"), "f1-0", "nobody")
    hint = yield lambda: spane.chosen(tiny_data, trials=Path("trials"))
    assert "take the line out" in hint
    put_text(Path("trials"), "f1-0")


@obeyed(f"{CORPORA}spane.py", "{}:{}: {} stands in {}, too")
def name_on_both_lists(tiny_data: DataDir) -> Any:
    put_text(Path("trials"), "f1-0", "f1-1")
    put_text(Path("enrolls"), "f1-1")
    hint = yield lambda: spane.chosen(tiny_data, Path("enrolls"), Path("trials"))
    assert hint == "take one of them out"
    put_text(Path("trials"), "f1-0")


@obeyed("pseudovox/data/datadir/selection.py", "minutes of speech")
def minutes_that_nobody_has(tiny_data: DataDir) -> Any:
    hint = yield lambda: minutes_of_speakers(tiny_data, 8)
    option, minutes = options_in(hint)[:2]
    assert option == "--minutes"
    yield lambda: minutes_of_speakers(tiny_data, float(minutes))
