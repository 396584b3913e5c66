"""What makes a data dir sound: tables of one set of ids, values of the right form, lists that name what is there.

These are the rules for reading one. Those about the order of lines, which Kaldi's programs need, are in `validate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pseudovox.core.errors import DataError
from pseudovox.core.files import words
from pseudovox.core.ids import bad_id, bytewise, check_id
from pseudovox.data.datadir.tables import LISTS, TABLES, Table, first_bad, list_kind, phone_of, trial_of

if TYPE_CHECKING:
    from pseudovox.data.datadir.directory import DataDir

SEGMENT_SLACK = 0.05  # seconds that a segment may reach past its recording: times in tables are rounded


def check(data: DataDir, need: Iterable[str] = (), *, audio: bool = True) -> None:
    """Raise DataError unless the tables agree with each other and `need` is there."""
    for name in (*(("wav.scp",) if audio else ()), "utt2spk", *need):
        if name not in data.tables and name not in data.lists:
            raise lacks(data, name)
    if not data.utt2spk:
        raise DataError(f"{data.path}/utt2spk: no utterances", "make it: lines `<utterance> <speaker>`")
    _check_ids(data)
    _check_values(data)
    _check_keys(data)
    _check_audio_entries(data)
    _check_lists(data)


def lacks(data: DataDir, name: str) -> DataError:
    """The error for a table that is needed and not there."""
    form = LISTS.get(list_kind(name) or "")
    if name in TABLES:
        form = f"<{TABLES[name].key}> {TABLES[name].value}"
    return DataError(f"{data.path}: the data dir lacks the file {name}", f"make it: lines `{form}`" if form else "")


def malformed(data: DataDir, table: Table, key: str, value: str) -> DataError:
    """The error for a value that is not of the table's form."""
    return DataError(
        f"{data.where(table.name, key)}: {table.key} {key} has {value!r}, expected {_EXPECTED[table.name]}",
        f"correct it, or leave out what is malformed: {_fix(data)}",
    )


_EXPECTED = {
    "segments": "`recording start end` with 0 <= start < end",
    "utt2dur": "seconds above 0",
    "reco2dur": "seconds above 0",
    "utt2num_frames": "a whole number above 0",
    "utt2warp": "a number between 0.5 and 1.5",
    "spk2warp": "a number between 0.5 and 1.5",
    "spk2gender": "f or m",
    "reco2file_and_channel": "`file A` or `file B`",
}


def unknown_recording(data: DataDir, utterance: str, recording: str) -> DataError:
    """The error for a segment of a recording that wav.scp does not have."""
    return DataError(
        f"{data.where('segments', utterance)}: {utterance} is in recording {recording}, which is not in wav.scp",
        f"add it to wav.scp, or leave out the utterance: {_fix(data)}",
    )


def _fix(data: DataDir) -> str:
    return f"utils/fix_data_dir.py {data.path}"


def _check_ids(data: DataDir) -> None:
    # The keys of other tables that the library knows must be among these.
    first = [name for name in data.tables if name in ("utt2spk", "wav.scp") or name not in TABLES]
    for name in first:
        table = data.tables[name]
        if name != "wav.scp" or "segments" in data.tables:
            wrong = bad_id(table)
            if wrong is not None:
                check_id(wrong, data.where(name, wrong))
    wrong = bad_id(data.speakers)
    if wrong is not None:
        utterance = next(key for key, speaker in data.utt2spk.items() if speaker == wrong)
        check_id(wrong, data.where("utt2spk", utterance))


def _check_values(data: DataDir) -> None:
    for name, table in data.tables.items():
        if name not in TABLES:
            continue
        found = first_bad(TABLES[name], table)
        if found:
            raise malformed(data, TABLES[name], *found)
        if "" in table.values():
            key = next(key for key, value in table.items() if not value)
            raise DataError(f"{data.where(name, key)}: {key} has no value; expected `{TABLES[name].value}`")


def _check_keys(data: DataDir) -> None:
    utterances = data.utt2spk.keys()
    segments = data.tables.get("segments", {})
    for name in data.tables:
        if name not in TABLES or name == "utt2spk":
            continue
        key = TABLES[name].key
        if key == "speaker":
            _same_keys(data, name, set(data.speakers), "speakers")
        elif key == "utterance" or not segments:
            _same_keys(data, name, utterances, "utterances")
    if not segments:
        return
    files, lengths = data.tables.get("wav.scp", {}), data.tables.get("reco2dur")
    for utterance in segments:
        recording, _, end = data.segment(utterance)
        if lengths and end > float(lengths.get(recording, "inf")) + SEGMENT_SLACK:
            raise DataError(
                f"{data.where('segments', utterance)}: {utterance} ends at {end} s, past the end of {recording}, "
                f"which lasts {lengths[recording]} s (reco2dur)",
                f"correct the time, or leave out the utterance: {_fix(data)}",
            )
    for name, table in data.tables.items():
        if name in TABLES and TABLES[name].key == "recording" and table is not files:
            _same_keys(data, name, set(data.recordings), "recordings", of="segments", more=True)


def _same_keys(
    data: DataDir, name: str, expected: Iterable[str], what: str, *, of: str = "utt2spk", more: bool = False
) -> None:
    """The keys of a table must be those; `more`: it may have others besides."""
    found = data.tables[name].keys()
    if list(found) == list(expected) or found == set(expected):  # the first is quick, and true of most dirs
        return
    missing, extra = bytewise(set(expected) - found), [] if more else bytewise(found - set(expected))
    if missing:
        raise DataError(
            f"{data.path}/{name}: lacks {len(missing)} of the {len(set(expected))} {what} in {of}; the first is "
            f"{missing[0]} ({data.where(of, missing[0])})",
            f"add the lines, or leave out what is not everywhere: {_fix(data)}",
        )
    if extra:
        raise DataError(
            f"{data.where(name, extra[0])}: {extra[0]} is none of the {what} in {of}; {len(extra)} keys are too many",
            f"leave out what is not everywhere: {_fix(data)}",
        )


def _check_audio_entries(data: DataDir) -> None:
    entries = data.tables.get("wav.scp", {})
    joined = "\n".join(entries.values())
    if (data.allow_pipes or "|" not in joined) and "~" not in joined:
        return
    for key, entry in entries.items():
        if entry.endswith("|") and not data.allow_pipes:
            raise DataError(
                f"{data.where('wav.scp', key)}: {key} is a shell command ({entry[:60]}), not run unless allowed",
                "give --allow-pipes if you trust the author of this data dir",
            )
        if entry.startswith("~"):
            raise DataError(
                f"{data.where('wav.scp', key)}: {key}: ~ is not expanded in {entry[:60]}", "write the path in full"
            )


def _check_lists(data: DataDir) -> None:
    utt2spk = data.utt2spk
    for name, lines in data.lists.items():
        kind = list_kind(name)
        if kind == "trials":
            found: Iterable[str] = _consistent_trials(data, name)
        elif kind:
            found = (words(line, 1)[0] for line in lines)
        else:
            continue
        for place, utterance in enumerate(found, 1):
            if utterance not in utt2spk:
                raise DataError(
                    f"{data.path}/{name}:{place}: utterance {utterance} is not in utt2spk",
                    f"add it to utt2spk, or leave out the line: {_fix(data)}",
                )


def _consistent_trials(data: DataDir, name: str) -> Iterator[str]:
    """The utterance of each line of a trial list; DataError where `target` or `nontarget` contradicts utt2spk.

    What is compared with the utterance may also be no speaker of the dir but an enrolment of some name, as in
    VoxCeleb's lists; of those utt2spk says nothing.
    """
    utt2spk, speakers = data.utt2spk, set(data.speakers)
    for place, (speaker, utterance, target) in enumerate(parse_trials(data, name), 1):
        if speaker in speakers and utterance in utt2spk and target != (utt2spk[utterance] == speaker):
            said, right = ("target", "nontarget") if target else ("nontarget", "target")
            raise DataError(
                f"{data.path}/{name}:{place}: {speaker} {utterance} is a {said} trial, but utt2spk says that "
                f"{utterance} is spoken by {utt2spk[utterance]}",
                f"write {right} in this line, or correct utt2spk",
            )
        yield utterance


def parse_trials(data: DataDir, name: str) -> Iterator[tuple[str, str, bool]]:
    """(speaker, utterance, is it a target) of each line of a trial list; DataError with the line if malformed."""
    for place, line in enumerate(data.lists.get(name, []), 1):
        found = trial_of(line)
        if found is None:
            raise DataError(
                f"{data.path}/{name}:{place}: expected `speaker utterance target|nontarget`, found {line!r}",
                "correct the line, or leave it out",
            )
        yield found


def parse_phones(data: DataDir) -> Iterator[tuple[str, float, float, str]]:
    """(utterance, start, duration, phone) of each line of phones.ctm, seconds; DataError with the line if malformed."""
    for place, line in enumerate(data.lists.get("phones.ctm", []), 1):
        found = phone_of(line)
        if found is None:
            raise DataError(
                f"{data.path}/phones.ctm:{place}: expected `utterance 1 start duration phone`, found {line!r}",
                f"correct the line, or leave it out: {_fix(data)}",
            )
        yield found


def check_trials(data: DataDir, enrolment: DataDir) -> None:
    """Raise DataError unless `trials` has targets and non-targets and all its speakers enrol in `enrolment`."""
    enrolled = {enrolment.utt2spk[utterance] for utterance in enrolment.enrolls}
    found = set()
    for place, (speaker, _, target) in enumerate(parse_trials(data, "trials"), 1):
        if speaker not in enrolled:
            raise DataError(
                f"{data.path}/trials:{place}: speaker {speaker} has no enrolment utterances in {enrolment.path}",
                f"add them to {enrolment.path} (and its enrolls), or leave out the trials of {speaker}",
            )
        found.add(target)
    for target, name in ((True, "target"), (False, "nontarget")):
        if target not in found:
            raise DataError(
                f"{data.path}/trials: has no {name} trials; an error rate needs both kinds",
                f"add lines `<speaker> <utterance> {name}`",
            )


def spk2utt_text(speakers: Mapping[str, Sequence[str]]) -> str:
    """The file spk2utt."""
    return "".join([f"{speaker} {' '.join(utterances)}\n" for speaker, utterances in speakers.items()])


def check_spk2utt(data: DataDir, text: str) -> None:
    """Raise DataError unless the text of spk2utt has the speakers and utterances of utt2spk, in any order."""
    expected = data.spk2utt
    if text == spk2utt_text(expected):
        return
    seen: dict[str, int] = {}
    for place, line in enumerate(text.split("\n")[:-1], 1):
        speaker, *utterances = words(line) or [""]
        if seen.setdefault(speaker, place) != place or utterances != expected.get(speaker):
            if seen[speaker] != place:
                what = f"speaker {speaker} stands twice"
            elif speaker not in expected:
                what = f"speaker {speaker!r} is not in utt2spk"
            else:
                differing = set(utterances) ^ set(expected[speaker])
                if not differing and len(utterances) == len(expected[speaker]):
                    continue
                what = f"{bytewise(differing)[0] if differing else utterances[0]} of {speaker} is otherwise in utt2spk"
            raise DataError(f"{data.path}/spk2utt:{place}: {what}", _derive(data))
    if len(seen) != len(expected):
        missing = bytewise(expected.keys() - seen.keys())[0]
        raise DataError(f"{data.path}/spk2utt: lacks speaker {missing} of utt2spk", _derive(data))


def _derive(data: DataDir) -> str:
    return f"derive it: utils/utt2spk_to_spk2utt.py {data.path}/utt2spk > {data.path}/spk2utt"
