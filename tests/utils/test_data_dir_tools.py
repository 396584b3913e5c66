"""The tools under their Kaldi names: what each makes of a small data dir, and how each refuses."""

import importlib.util
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pseudovox.data.datadir import DataDir
from pseudovox.data.datadir.selection import per_speaker, split_by_speaker, spread
from pseudovox.data.datadir.validate import validate

ROOT = Path(__file__).resolve().parent.parent.parent
Tool = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tool(capsys: pytest.CaptureFixture[str]) -> Tool:
    """Run a program of utils/ in this process: `tool("split_data", "data/tiny", 2)` -> (exit code, stdout, stderr)."""

    def call(name: str, *arguments: object) -> tuple[int, str, str]:
        spec = importlib.util.spec_from_file_location(f"utils_{name}", ROOT / "utils" / f"{name}.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        try:
            code = module.main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        return code, *capsys.readouterr()

    return call


def ids(path: str) -> str:
    return " ".join(DataDir.load(path, allow_pipes=True).utterances)


# ---------------------------------------------------------------------- subset
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--first", "data/tiny", "2", "new"], "f1-0 f1-1"),
        (["--last", "data/tiny", "2", "new"], "m2-2 m2-3"),
        (["--shortest", "data/tiny", "4", "new"], "f1-0 f1-1 m1-0 m2-0"),
        (["--per-spk", "data/tiny", "2", "new"], "f1-0 f1-2 m1-0 m1-2 m2-0 m2-2"),
        (["data/tiny", "3", "new"], "m1-1 m2-0 m2-3"),
        (["--utt-list", "list", "data/tiny", "new"], "f1-3 m1-0"),
        (["--spk-list", "data/tiny/spk2gender", "data/tiny", "new"], None),
    ],
)
def test_subset(tiny_data: DataDir, tool: Tool, arguments: list[str], expected: str | None) -> None:
    Path("list").write_text("f1-3 x\nnobody\nm1-0\n")
    code, _, told = tool("subset_data_dir", *arguments)
    assert code == 0 and ids("new") == (expected or ids("data/tiny"))
    assert ("1 of 3 names are not in data/tiny, e.g. nobody" in told) == ("list" in arguments)
    validate("new", no_feats=True)


def test_subset_of_speakers(tiny_data: DataDir, tool: Tool) -> None:
    assert tool("subset_data_dir", "--speakers", "data/tiny", 5, "new")[0] == 0
    chosen = DataDir.load("new")
    assert len(chosen.speakers) == 2 and len(chosen.utterances) == 8


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["data/tiny", "13", "new"], 3, "data/tiny: has 12 utterances, not 13\n  hint: ask for 12"),
        (["data/tiny", "0", "new"], 2, "'0': expected a number of utterances above 0"),
        (["data/tiny", "new"], 2, "expected <data-dir> <number> <new-dir>"),
        (["--utt-list", "list", "data/tiny", "2", "new"], 2, "expected <data-dir> <new-dir>"),
        (["--first", "--last", "data/tiny", "1", "new"], 2, "not allowed with argument"),
        (["data/tiny", "1", "data/../data/tiny"], 2, "is the data dir itself"),
        (["--spk-list", "list", "data/tiny", "new"], 3, "list: names nothing that is in data/tiny"),
        (["nowhere", "1", "new"], 3, "nowhere: no such data dir"),
    ],
)
def test_subset_refused(tiny_data: DataDir, tool: Tool, arguments: list[str], code: int, message: str) -> None:
    Path("list").write_text("nobody\n")
    shown = tool("subset_data_dir", *arguments)
    assert shown[0] == code and message in shown[2]
    assert not Path("new").exists()


def test_selections_of_kaldi() -> None:
    # Halving the list and the number, as subset_scp.pl does.
    assert spread(range(10), 3) == [4, 6, 9] and spread("abcde", 5) == list("abcde") and spread("ab", 0) == []
    utterances = {f"a-{number}": "a" for number in range(7)}
    data = DataDir("data", {"utt2spk": {**utterances, "b-0": "b"}})
    assert per_speaker(data, 3) == ["a-0", "a-2", "a-4", "b-0"]


# ---------------------------------------------------------------------- combine, split, copy
def test_split_and_combine(tiny_data: DataDir, tool: Tool) -> None:
    assert tool("split_data", "data/tiny", 2)[:2] == (0, "data/tiny/split2/1 ... 2: 4 to 8 utterances each\n")
    assert "is there already, and not older" in tool("split_data", "data/tiny", 2)[1]
    (tiny_data.path / "text").touch()
    assert "utterances each" in tool("split_data", "data/tiny", 2)[1]
    assert tool("split_data", "--per-utt", "data/tiny", 5)[0] == 0
    assert [len(DataDir.load(f"data/tiny/split5utt/{part}").utterances) for part in range(1, 6)] == [3, 3, 2, 2, 2]
    assert tool("combine_data", "all", "data/tiny/split2/2", "data/tiny/split2/1")[0] == 0
    for file in tiny_data.path.iterdir():
        if file.is_file():
            assert file.read_bytes() == (Path("all") / file.name).read_bytes()
            parts = b"".join((tiny_data.path / "split2" / part / file.name).read_bytes() for part in "12")
            assert parts == file.read_bytes()
    validate("data/tiny/split2/1", no_feats=True)


@pytest.mark.parametrize("scale", [32768.0, 40.0, 1.5])
@pytest.mark.parametrize("speed", ["1.0", "0.9"])
def test_samples_beyond_full_scale_are_scaled_as_a_whole(
    tiny_data: DataDir, tool: Tool, caplog: pytest.LogCaptureFixture, scale: float, speed: str
) -> None:
    samples, rate = soundfile.read(tiny_data.tables["wav.scp"]["f1-0"])
    samples = samples / np.abs(samples).max()
    soundfile.write("wav/f1-0.wav", samples * scale, rate, subtype="FLOAT")
    if speed == "1.0":
        shown = tool("materialize_data_dir", "--nj", 1, "data/tiny", "new")
    else:
        shown = tool("perturb_data_dir_speed", "--nj", 1, speed, "data/tiny", "new")
    assert shown[0] == 0, shown[2]
    (name,) = (one for one in DataDir.load("new").utterances if one.endswith("f1-0"))
    scaled, _ = soundfile.read(f"new/wav/{name}.wav")
    told = shown[2] + caplog.text  # the log goes to stderr, or, once pytest has taken it, there
    assert f"{name}: reaches " in told and told.count("times full scale") == 1
    assert np.mean(np.abs(scaled) > 0.999) < 0.001
    if speed == "1.0":
        assert np.allclose(scaled, samples, atol=1e-4)


def test_split_evens_out_durations() -> None:
    seconds = {"a-1": "1", "b-1": "1", "b-2": "1", "c-1": "9", "d-1": "6", "e-1": "6"}
    data = DataDir("data", {"utt2spk": {key: key[0] for key in seconds}, "utt2dur": seconds})
    assert split_by_speaker(data, 2) == [["a-1", "b-1", "b-2", "c-1"], ["d-1", "e-1"]]
    assert split_by_speaker(data, 4) == [["a-1", "b-1", "b-2"], ["c-1"], ["d-1"], ["e-1"]]
    assert len(list(filter(None, split_by_speaker(data, 5)))) == 5


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["data/tiny", "4"],
            3,
            "3 speakers cannot be split into 4 parts\n  hint: ask for fewer parts, or give --per-utt",
        ),
        (["--per-utt", "data/tiny", "13"], 3, "12 utterances cannot be split into 13 parts"),
        (["data/tiny", "0"], 2, "0 parts: expected a number above 0"),
    ],
)
def test_split_refused(tiny_data: DataDir, tool: Tool, arguments: list[str], code: int, message: str) -> None:
    shown = tool("split_data", *arguments)
    assert shown[0] == code and message in shown[2]


def test_combine_says_what_it_leaves_out(tiny_data: DataDir, tool: Tool) -> None:
    data = DataDir.load("data/tiny")
    data.tables["utt2lang"] = dict.fromkeys(data.utterances, "en")
    data.renamed(lambda one: f"x{one}", lambda one: f"x{one}", "other").write()
    shown = tool("combine_data", "all", "data/tiny", "other")
    assert shown[:2] == (0, "all: left out utt2lang, which is not in data/tiny\nall: 24 utterances of 6 speakers\n")
    shown = tool("combine_data", "--extra-files", "utt2lang", "all", "data/tiny", "other")
    assert shown[0] == 3 and "data/tiny: the data dir lacks the file utt2lang" in shown[2]


def test_copy_with_prefixes(tiny_data: DataDir, tool: Tool) -> None:
    tiny_data.lists["trials"] = ["f1 m1-0 nontarget", "stranger f1-1 nontarget"]
    tiny_data.write()
    options = ("--utt-prefix=a-", "--spk_prefix=a-", "--utt-suffix=-z", "--validate-opts", "--non-print")
    assert tool("copy_data_dir", *options, "data/tiny", "new")[0] == 0
    copy = validate("new", no_feats=True)
    assert copy.utterances[0] == "a-f1-0-z" and copy.spk2gender["a-f1"] == "f"
    assert copy.tables["wav.scp"]["a-f1-0-z"] == tiny_data.tables["wav.scp"]["f1-0"]
    assert copy.lists["trials"] == ["a-f1 a-m1-0-z nontarget", "a-stranger a-f1-1-z nontarget"]
    shown = tool("copy_data_dir", "--spk-suffix=x/y", "data/tiny", "bad")
    assert shown[0] == 3 and "id 'f1x/y'" in shown[2] and not Path("bad").exists()
    shown = tool("copy_data_dir", "--utt-suffix=-z", "--validate-opts=--no-such", "data/tiny", "bad")
    assert shown[0] == 2 and "--validate-opts: no option --no-such" in shown[2]


def test_copy_keeps_recordings(tmp_path: Path, tool: Tool) -> None:
    tables = {
        "wav.scp": {"r": "r.wav"}, "utt2spk": {"a-1": "a"}, "segments": {"a-1": "r 0 1"}, "reco2dur": {"r": "2"},
        "cmvn.scp": {"a": "x:1"}, "utt2uniq": {"a-1": "a-0"},
    }  # fmt: skip
    DataDir(tmp_path / "data", tables).write()
    assert tool("copy_data_dir", "--utt-prefix=x-", "--spk-prefix=x-", tmp_path / "data", tmp_path / "new")[0] == 0
    assert DataDir.load(tmp_path / "new").tables == {
        "wav.scp": {"r": "r.wav"}, "utt2spk": {"x-a-1": "x-a"}, "segments": {"x-a-1": "r 0 1"}, "reco2dur": {"r": "2"},
        "cmvn.scp": {"x-a": "x:1"}, "utt2uniq": {"x-a-1": "a-0"},
    }  # fmt: skip


# ---------------------------------------------------------------------- fix, spk2utt, utt2dur
def test_fix(tiny_data: DataDir, tool: Tool) -> None:
    assert tool("fix_data_dir", "data/tiny") == (0, "data/tiny: kept all 12 utterances\n", "")
    assert not Path("data/tiny/.backup").exists()
    text = Path("data/tiny/text").read_text().splitlines(keepends=True)
    Path("data/tiny/text").write_text("".join(text[:0:-1]))
    assert tool("validate_data_dir", "--no-feats", "data/tiny")[0] == 3
    code, shown, _ = tool("fix_data_dir", "data/tiny")
    assert code == 0 and "data/tiny/utt2spk: dropped 1 line not in every table, the first: 'f1-0 f1'" in shown
    assert shown.endswith("data/tiny: the files as they were are in data/tiny/.backup\n"
                          "data/tiny: kept 11 of 12 utterances\n")  # fmt: skip
    assert tool("validate_data_dir", "--no-feats", "data/tiny")[0] == 0
    assert tool("fix_data_dir", "nowhere")[0] == 3


def test_utt2spk_to_spk2utt_and_back(
    tiny_data: DataDir, tool: Tool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdout", made := io.TextIOWrapper(io.BytesIO()))
    assert tool("utt2spk_to_spk2utt", "data/tiny/utt2spk")[0] == 0
    assert made.buffer.getvalue() == Path("data/tiny/spk2utt").read_bytes()
    monkeypatch.setattr(sys, "stdout", made := io.TextIOWrapper(io.BytesIO()))
    assert tool("spk2utt_to_utt2spk", "data/tiny/spk2utt")[0] == 0
    assert made.buffer.getvalue() == Path("data/tiny/utt2spk").read_bytes()
    Path("bad").write_text("f1 a b\nf2 b\n")
    shown = tool("spk2utt_to_utt2spk", "bad")
    assert shown[0] == 3 and "bad: b stands twice, with f1 and f2" in shown[2]
    assert tool("utt2spk_to_spk2utt", "bad")[0] == 3


def test_get_utt2dur(tiny_data: DataDir, tool: Tool) -> None:
    assert tool("get_utt2dur", "data/tiny")[1] == "data/tiny/utt2dur: is there already\n"
    for options in ([], ["--read-entire-file", "true"]):
        Path("data/tiny/utt2dur").unlink()
        assert tool("get_utt2dur", *options, "--nj", 2, "data/tiny")[0] == 0
        assert DataDir.load("data/tiny").table("utt2dur")["f1-1"] == "0.6"
    Path("data/tiny/utt2dur").unlink()
    Path("wav/f1-1.wav").unlink()
    shown = tool("get_utt2dur", "data/tiny")
    assert shown[0] == 3 and "data/tiny/wav.scp, f1-1" in shown[2] and not Path("data/tiny/utt2dur").exists()


# ---------------------------------------------------------------------- audio
def test_materialize_segments(tiny_data: DataDir, tool: Tool) -> None:
    tables = {
        "wav.scp": {"r": "wav/f1-0.wav"}, "utt2spk": {"a-1": "a", "a-2": "a"}, "reco2dur": {"r": "0.5"},
        "segments": {"a-1": "r 0 0.25", "a-2": "r 0.25 0.4"}, "feats.scp": {"a-1": "x:1", "a-2": "x:2"},
    }  # fmt: skip
    DataDir("cut", tables).write()
    assert tool("materialize_data_dir", "--nj", 1, "cut", "new/plain")[0] == 0
    made = validate("new/plain", no_text=True, no_feats=True)
    assert made.tables == {
        "wav.scp": {"a-1": "new/plain/wav/a-1.wav", "a-2": "new/plain/wav/a-2.wav"},
        "utt2spk": {"a-1": "a", "a-2": "a"},
        "utt2dur": {"a-1": "0.2500", "a-2": "0.1500"},
    }
    whole, _ = soundfile.read("wav/f1-0.wav", dtype="int16")
    assert (soundfile.read("new/plain/wav/a-2.wav", dtype="int16")[0] == whole[4000:6400]).all()
    assert tool("materialize_data_dir", "--nj", 1, "cut", "new/plain")[0] == 0  # done already
    DataDir("piped", {"wav.scp": {"a-1": "cat wav/f1-0.wav |"}, "utt2spk": {"a-1": "a"}}).write()
    assert tool("materialize_data_dir", "piped", "new/piped")[0] == 3 and not Path("new/piped").exists()
    assert tool("materialize_data_dir", "--allow-pipes", "--nj", 1, "piped", "new/piped")[0] == 0
    assert DataDir.load("new/piped").table("utt2dur") == {"a-1": "0.5000"}
    assert (soundfile.read("new/piped/wav/a-1.wav", dtype="int16")[0] == whole).all()


def test_materialize_one_channel(tiny_data: DataDir, tool: Tool) -> None:
    left, right = np.full(1600, 0.25), np.full(1600, 0.5)
    soundfile.write("wav/two.wav", np.stack([left, right], 1), 16000)
    DataDir("two", {"wav.scp": {"a-1": "wav/two.wav"}, "utt2spk": {"a-1": "a"}}).write()
    for channel, level in (("0", 0.25), ("1", 0.5), ("mean", 0.375)):
        assert tool("materialize_data_dir", "--nj", 1, "--channel", channel, "two", f"new/{channel}")[0] == 0
        assert np.allclose(soundfile.read(f"new/{channel}/wav/a-1.wav")[0], level, atol=1e-4)
    assert (
        tool("materialize_data_dir", "--nj", 1, "--channel", 1, "two", "new/0")[0] == 3
    )  # was made of another channel
    assert tool("materialize_data_dir", "--nj", 1, "--channel", 2, "two", "new/2")[0] == 5
    assert tool("materialize_data_dir", "--channel", "left", "two", "new/left")[0] == 2


def test_speed(tiny_data: DataDir, tool: Tool) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 500 * np.arange(8800) / 16000)
    soundfile.write("wav/f1-0.wav", tone, 16000)
    assert tool("perturb_data_dir_speed", "--nj", 1, "1.1", "data/tiny", "fast")[0] == 0
    made = validate("fast", no_feats=True)
    assert made.utterances[0] == "sp1.1-f1-0" and made.spk2gender["sp1.1-f1"] == "f"
    assert made.table("utt2uniq")["sp1.1-f1-0"] == "f1-0" and made.duration("sp1.1-f1-0") == 0.5
    found, _ = soundfile.read("fast/wav/sp1.1-f1-0.wav")
    expected = 0.5 * np.sin(2 * np.pi * 550 * np.arange(8000) / 16000)
    assert np.abs(found - expected)[400:-400].max() < 2e-3
    options = ("--include_spk_prefix", "false", "--allow-pipes")
    assert tool("perturb_data_dir_speed", *options, "0.9", "data/tiny", "slow")[0] == 0
    made = DataDir.load("slow", allow_pipes=True)
    assert made.utt2spk["sp0.9-f1-0"] == "f1" and made.table("utt2dur")["sp0.9-f1-0"] == "0.5556"
    assert made.table("wav.scp")["sp0.9-f1-0"] == "sox wav/f1-0.wav -t wav - speed 0.9 |"
    for factor in ("fast", "0", "9", "1.00001"):
        shown = tool("perturb_data_dir_speed", factor, "data/tiny", "new")
        assert shown[0] == 2 and not Path("new").exists()


def test_names_of_files_stay_arguments(tmp_path: Path) -> None:
    from pseudovox.data.materialize import speed_pipes

    entries = {"a": "x y.wav; rm -rf /", "b": "-n.wav", "c": "cat z.wav |"}
    data = DataDir(tmp_path, {"wav.scp": entries, "utt2spk": dict.fromkeys(entries, "s")})
    speed_pipes(data, "0.9")
    assert data.tables["wav.scp"] == {
        "a": "sox 'x y.wav; rm -rf /' -t wav - speed 0.9 |",
        "b": "sox ./-n.wav -t wav - speed 0.9 |",
        "c": "cat z.wav | sox -t wav - -t wav - speed 0.9 |",
    }
