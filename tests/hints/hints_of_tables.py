"""Hints of data dirs: their tables, lists and the programs that work on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from obeying import Try, command_in, dry_run, obeyed, options_in, program, shell

from pseudovox.data.datadir import DataDir, checks
from pseudovox.data.datadir.fix import fix
from pseudovox.data.datadir.validate import validate

CHECKS, FILES, VALIDATE = (
    "pseudovox/data/datadir/checks.py",
    "pseudovox/core/files.py",
    "pseudovox/data/datadir/validate.py",
)
HERE = Path("data/tiny")
Obey = Callable[[str], object]


def run_it(hint: str) -> None:
    """Obey a hint that is, or ends with, a command."""
    shell(command_in(hint))


def edit(name: str, old: str, new: str, count: int = 1) -> None:
    """Replace text in a file of the data dir."""
    path = HERE / name
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def put(name: str, text: str | bytes) -> None:
    """Write a file of the data dir."""
    (HERE / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def load() -> DataDir:
    return DataDir.load(HERE)


def validated() -> DataDir:
    return validate(HERE, no_feats=True)


def checked_phones() -> None:
    for _ in checks.parse_phones(load()):
        pass


def case(module: str, fragment: str, name: str, spoil: Callable[[], object], attempt: Try, obey: Obey) -> None:
    """A case that spoils the tiny data dir, and obeys."""

    def play(tiny_data: DataDir) -> Iterator[Try]:
        spoil()
        hint: Any = yield attempt
        obey(hint)

    obeyed(module, fragment, name)(play)  # type: ignore[arg-type]


SEGMENTS = "".join(f"{s}-{n} {s}-{n} 0 0.4\n" for s in ("f1", "m1", "m2") for n in range(4))
SPK2UTT = "".join(f"{s} {' '.join(f'{s}-{n}' for n in range(4))}\n" for s in ("f1", "m1", "m2"))
TEXT = "".join(f"{s}-{n} some words\n" for s in ("f1", "m1", "m2") for n in range(4))


def segments(extra: str = "") -> None:
    put("segments", SEGMENTS)
    put("reco2dur", "".join(f"{line.split()[0]} 0.5\n" for line in SEGMENTS.splitlines()))
    if extra:
        edit("segments", "f1-0 f1-0 0 0.4", extra)


# ---------------------------------------------------------------------- checks
case(
    CHECKS,
    "no utterances",
    "a data dir without utterances",
    lambda: [path.unlink() for path in HERE.iterdir()] and put("utt2spk", ""),
    lambda: DataDir.load(HERE, audio=False),
    lambda hint: put("utt2spk", hint.split("`")[1].replace("<utterance>", "f1-0").replace("<speaker>", "f1") + "\n"),
)
case(
    CHECKS,
    "the data dir lacks the file",
    "a table that is not there",
    lambda: (HERE / "text").unlink(),
    lambda: DataDir.load(HERE, need=["text"]),
    lambda hint: put(
        "text", "".join(hint.split("`")[1].replace("<utterance>", line.split()[0]) + "\n" for line in TEXT.splitlines())
    ),
)
case(
    CHECKS,
    "has {}, expected",
    "a malformed value: left out",
    lambda: edit("utt2dur", "f1-0 0.5000", "f1-0 soon"),
    load,
    run_it,
)
case(
    CHECKS,
    "has {}, expected",
    "a malformed value: corrected",
    lambda: edit("utt2dur", "f1-0 0.5000", "f1-0 soon"),
    load,
    lambda hint: edit("utt2dur", "soon", "0.5"),
)
case(
    CHECKS,
    "which is not in wav.scp",
    "a segment of no recording: left out",
    lambda: segments("f1-0 nowhere 0 0.4"),
    load,
    run_it,
)
case(
    CHECKS,
    "which is not in wav.scp",
    "a segment of no recording: added",
    lambda: segments("f1-0 f1-00 0 0.4"),
    load,
    lambda hint: [edit("wav.scp", "f1-1 ", "f1-00 wav/f1-0.wav\nf1-1 "), edit("reco2dur", "f1-1 ", "f1-00 0.5\nf1-1 ")],
)
case(CHECKS, "past the end of", "a segment past the end: left out", lambda: segments("f1-0 f1-0 0 9"), load, run_it)
case(
    CHECKS,
    "past the end of",
    "a segment past the end: corrected",
    lambda: segments("f1-0 f1-0 0 9"),
    load,
    lambda hint: edit("segments", " 9\n", " 0.5\n"),
)
case(
    CHECKS,
    "lacks {} of the",
    "a table that lacks a line: left out",
    lambda: edit("text", "f1-0 some words\n", ""),
    load,
    run_it,
)
case(
    CHECKS,
    "lacks {} of the",
    "a table that lacks a line: added",
    lambda: edit("text", "f1-0 some words\n", ""),
    load,
    lambda hint: edit("text", "f1-1", "f1-0 words\nf1-1"),
)
case(
    CHECKS,
    "is none of the",
    "a table with a line too many",
    lambda: edit("text", "f1-0 some", "f1-00 some\nf1-0 some"),
    load,
    run_it,
)
case(
    CHECKS,
    "~ is not expanded",
    "a path from the home folder",
    lambda: edit("wav.scp", "wav/f1-0.wav", "~/f1-0.wav"),
    load,
    lambda hint: edit("wav.scp", "~/f1-0.wav", str(Path("wav/f1-0.wav").absolute())),
)
case(
    CHECKS,
    "utterance {} is not in utt2spk",
    "a list of what is not there: left out",
    lambda: put("enrolls", "f1-0\nf1-9\n"),
    load,
    run_it,
)
case(
    CHECKS,
    "trial, but utt2spk says",
    "a trial of the wrong kind",
    lambda: put("trials", "f1 f1-0 nontarget\n"),
    load,
    lambda hint: edit("trials", "nontarget", hint.split()[1]),
)
case(
    CHECKS,
    "expected `speaker utterance target|nontarget`",
    "a malformed trial: left out",
    lambda: put("trials", "f1 f1-0 target\nf1 m1-0\n"),
    load,
    lambda hint: edit("trials", "f1 m1-0\n", ""),
)
case(
    CHECKS,
    "expected `speaker utterance target|nontarget`",
    "a malformed trial: corrected",
    lambda: put("trials", "f1 f1-0 target\nf1 m1-0\n"),
    load,
    lambda hint: edit("trials", "m1-0", "m1-0 nontarget"),
)
case(
    CHECKS,
    "expected `utterance 1 start duration phone`",
    "a malformed phone: left out",
    lambda: put("phones.ctm", "f1-0 1 0.0 0.1 a\nf1-1 1 b\n"),
    checked_phones,
    run_it,
)
case(
    CHECKS,
    "expected `utterance 1 start duration phone`",
    "a malformed phone: corrected",
    lambda: put("phones.ctm", "f1-0 1 0.0 0.1 a\nf1-1 1 b\n"),
    checked_phones,
    lambda hint: edit("phones.ctm", "1 b", "1 0.0 0.1 b"),
)
case(
    CHECKS,
    "{}/spk2utt:{}: {}",
    "a spk2utt that utt2spk contradicts",
    lambda: put("spk2utt", SPK2UTT.replace("m1-0", "m1-9")),
    load,
    run_it,
)
case(
    CHECKS,
    "lacks speaker",
    "a spk2utt without a speaker",
    lambda: put("spk2utt", SPK2UTT.splitlines(True)[0]),
    load,
    run_it,
)


@obeyed(CHECKS, "has no enrolment utterances")
def trials_of_nobody_who_enrols(tiny_data: DataDir) -> Any:
    put("enrolls", "f1-0\n")
    put("trials", "f1 f1-1 target\nm1 f1-1 nontarget\nf1 m1-1 nontarget\n")
    hint = yield lambda: checks.check_trials(load(), load())
    speaker = hint.split()[-1]
    edit("trials", f"{speaker} f1-1 nontarget\n", "")


@obeyed(CHECKS, "has no enrolment utterances")
def speakers_of_trials_are_added_to_those_who_enrol(tiny_data: DataDir) -> Any:
    put("enrolls", "f1-0\n")
    put("trials", "f1 f1-1 target\nm1 f1-1 nontarget\n")
    yield lambda: checks.check_trials(load(), load())
    put("enrolls", "f1-0\nm1-0\n")


@obeyed(CHECKS, "trials; an error rate needs both kinds")
def trials_of_one_kind(tiny_data: DataDir) -> Any:
    put("enrolls", "f1-0\n")
    put("trials", "f1 f1-1 target\n")
    hint = yield lambda: checks.check_trials(load(), load())
    line = hint.split("`")[1].replace("<speaker>", "f1").replace("<utterance>", "m1-1")
    put("trials", f"f1 f1-1 target\n{line}\n")


@obeyed(CHECKS, "is a shell command")
def a_command_in_wav_scp_is_allowed(tiny_data: DataDir) -> Any:
    edit("wav.scp", "wav/f1-0.wav", "cat wav/f1-0.wav |")
    hint = yield lambda: program("steps/extract_f0.py", "--nj", 1, HERE, "f0")
    option = options_in(hint)[0]
    yield lambda: program("steps/extract_f0.py", "--nj", 1, option, HERE, "f0")


# ---------------------------------------------------------------------- files
case(
    FILES,
    "has no value; expected `key value`",
    "a line without a value: completed",
    lambda: edit("utt2spk", "f1-0 f1", "f1-0"),
    load,
    lambda hint: edit("utt2spk", "f1-0", "f1-0 f1"),
)
case(
    FILES,
    "stands twice",
    "a line that stands twice",
    lambda: edit("text", "f1-0 some words\n", "f1-0 some words\nf1-0 some words\n"),
    load,
    run_it,
)
case(
    FILES,
    "stands twice",
    "a key with two values",
    lambda: edit("text", "f1-0 some words\n", "f1-0 some words\nf1-0 others\n"),
    load,
    lambda hint: edit("text", "f1-0 others\n", ""),
)
case(FILES, "byte order mark", "a byte order mark", lambda: put("text", b"\xef\xbb\xbf" + TEXT.encode()), load, run_it)
case(FILES, "{}:{}: {}", "windows line ends", lambda: put("text", TEXT.replace("\n", "\r\n")), load, run_it)
case(
    FILES,
    "{}:{}: {}",
    "a zero byte",
    lambda: put("text", TEXT.replace("some", "\0", 1)),
    load,
    lambda hint: put("text", TEXT),
)
case(
    FILES,
    "not UTF-8",
    "a table in another encoding",
    lambda: put("text", TEXT.replace("some", "où").encode("latin1")),
    load,
    run_it,
)
case(
    FILES,
    "the last line has no line end",
    "a last line without an end",
    lambda: put("text", TEXT[:-1]),
    validated,
    run_it,
)
case(FILES, "blank line", "a blank line", lambda: edit("text", "f1-1", "\n \nf1-1"), load, run_it)
case(
    "pseudovox/data/datadir/fix.py",
    "no data dir: it lacks",
    "a data dir without utt2spk, whose backup is there",
    lambda: [
        edit("text", "f1-0 some words\n", ""),
        shell(f"utils/fix_data_dir.py {HERE}"),
        (HERE / "utt2spk").unlink(),
    ],
    lambda: fix(HERE),
    lambda hint: (HERE / "utt2spk").write_bytes(Path(hint.split("e.g. from ")[1], "utt2spk").read_bytes()),
)
case(
    "pseudovox/data/datadir/fix.py",
    "not UTF-8",
    "a table in another encoding is to be fixed",
    lambda: put("text", TEXT.replace("some", "où").encode("latin1")),
    lambda: fix(HERE),
    run_it,
)
case(
    "pseudovox/data/datadir/fix.py",
    "no utterances remain",
    "tables that have nothing in common",
    lambda: put("text", TEXT.replace("-", "_")),
    lambda: fix(HERE),
    lambda hint: put("text", TEXT),
)
case(
    "pseudovox/core/ids.py",
    "is empty or holds a space, slash",
    "an id with a slash",
    lambda: edit("utt2spk", "f1-0 ", "f1/0 "),
    load,
    lambda hint: edit("utt2spk", "f1/0 ", "f1-0 "),
)
case(
    "pseudovox/core/ids.py",
    "is longer than",
    "an id that is too long",
    lambda: edit("utt2spk", "f1-0 ", f"f1-{'0' * 300} "),
    load,
    lambda hint: edit("utt2spk", "0" * 300, "0"),
)
case(
    "pseudovox/data/datadir/origin.py",
    "expected source, set, system or role",
    "a malformed origin: removed",
    lambda: put("origin", "sauce tiny\n"),
    load,
    run_it,
)
case(
    "pseudovox/data/datadir/origin.py",
    "expected source, set, system or role",
    "a malformed origin: corrected",
    lambda: put("origin", "sauce tiny\nset tiny\n"),
    load,
    lambda hint: edit("origin", "sauce", "source"),
)
case(
    "pseudovox/data/datadir/origin.py",
    "source or set is missing",
    "an origin without its set: removed",
    lambda: put("origin", "source tiny\n"),
    load,
    run_it,
)
case(
    "pseudovox/data/datadir/origin.py",
    "source or set is missing",
    "an origin without its set: completed",
    lambda: put("origin", "source tiny\n"),
    load,
    lambda hint: put("origin", "source tiny\nset tiny\n"),
)
case(
    "pseudovox/data/datadir/directory.py",
    "expected a table",
    "a folder in the place of a table",
    lambda: (HERE / "utt2emo").mkdir(),
    load,
    lambda hint: (HERE / "utt2emo").rmdir(),
)

# ---------------------------------------------------------------------- validation
case(
    VALIDATE,
    "the data dir lacks the file spk2utt",
    "no spk2utt",
    lambda: (HERE / "spk2utt").unlink(),
    validated,
    run_it,
)
case(
    VALIDATE,
    "are not sorted bytewise",
    "a spk2utt that is not sorted",
    lambda: put("spk2utt", SPK2UTT.replace("m1-0 m1-1", "m1-1 m1-0")),
    validated,
    run_it,
)
case(
    VALIDATE,
    "is not in segments",
    "a recording without segments",
    lambda: [segments(), edit("wav.scp", "f1-1 ", "f1-00 wav/f1-0.wav\nf1-1 ")],
    validated,
    run_it,
)
case(
    VALIDATE,
    "not sorted bytewise: {} stands",
    "a table that is not sorted: fixed",
    lambda: put("text", "".join(reversed(TEXT.splitlines(True)))),
    validated,
    run_it,
)
case(
    VALIDATE,
    "not sorted bytewise: {} stands",
    "a table that is not sorted: sorted",
    lambda: put("text", "".join(reversed(TEXT.splitlines(True)))),
    validated,
    lambda hint: shell(command_in(hint, "LC_ALL=C sort")),
)
case(
    VALIDATE,
    "{}: {}: {}",
    "a symbol that is Kaldi's",
    lambda: edit("text", "some", "<s>"),
    validated,
    lambda hint: edit("text", "<s> ", ""),
)
case(
    VALIDATE,
    "{}: {}: {}",
    "white space of another kind",
    lambda: edit("text", "some words", "some\u3000words"),
    validated,
    lambda hint: edit("text", "\u3000", " "),
)


@obeyed("pseudovox/data/datadir/directory.py", "no such data dir")
def data_dir_that_was_not_made(tiny_data: DataDir) -> Any:
    hint = yield lambda: DataDir.load("data/mini/train")
    words = command_in(hint).replace("<recipe>", "mini").partition(" makes")[0].split()
    assert "local/prepare_mini.py" in dry_run(words[1:])
    tiny_data.write(Path("data/mini/train"))
