"""Kaldi's rules for a data dir, beyond those for reading one: which tables there must be, and the order of lines."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from pseudovox.core.errors import DataError
from pseudovox.core.files import line_of, read_table, words
from pseudovox.core.ids import bytewise
from pseudovox.data.datadir import checks
from pseudovox.data.datadir.directory import DataDir
from pseudovox.data.datadir.tables import SPK2UTT, TABLES

# Kaldi's symbols for sentence ends and disambiguation, where grep -w would find them.
_SYMBOL = re.compile(r"(?<!\w)(?:<s>|</s>|#0)(?!\w)")
_WHITESPACE = re.compile(r"[^\S \t\n]")


def validate(
    path: Path | str,
    *,
    no_text: bool = False,
    no_feats: bool = False,
    no_wav: bool = False,
    non_print: bool = False,
    no_spk_sort: bool = False,
    allow_pipes: bool = False,
) -> DataDir:
    """Load a data dir and check it by the rules of Kaldi's utils/validate_data_dir.sh.

    Args:
        path: the folder.
        no_text, no_feats, no_wav: the dir may lack text, feats.scp, wav.scp (checked if they are there).
        non_print: text may hold characters that cannot be printed.
        no_spk_sort: utt2spk need not be sorted by speaker too.
        allow_pipes: wav.scp may hold commands; they are not run.

    Raises:
        DataError: the first fault, its file and line, and the hint.
    """
    data = DataDir.load(path, allow_pipes=allow_pipes, audio=not no_wav)
    for name, waived, option in (("text", no_text, "--no-text"), ("feats.scp", no_feats, "--no-feats")):
        if name not in data.tables and not waived:
            lacking = checks.lacks(data, name)
            raise DataError(lacking.message, f"{lacking.hint}, or give {option} if it need not be there")
    if not (data.path / SPK2UTT).is_file():
        raise DataError(
            f"{data.path}: the data dir lacks the file spk2utt",
            f"derive it: utils/utt2spk_to_spk2utt.py {data.path}/utt2spk > {data.path}/spk2utt",
        )
    for name, table in data.tables.items():
        if name in TABLES:
            _check_order(data.path / name, table)
    spk2utt = read_table(data.path / SPK2UTT, whole=True)
    _check_order(data.path / SPK2UTT, spk2utt)
    for speaker, utterances in spk2utt.items():
        if words(utterances) != data.spk2utt[speaker]:
            raise DataError(
                f"{line_of(data.path / SPK2UTT, speaker)}: the utterances of {speaker} are not sorted bytewise",
                f"utils/fix_data_dir.py {data.path}",
            )
    check_content(data, non_print=non_print, no_spk_sort=no_spk_sort)
    return data


def check_content(data: DataDir, *, non_print: bool = False, no_spk_sort: bool = False) -> None:
    """The rules that do not depend on how the files are written; see `validate`."""
    if not no_spk_sort:
        _check_speaker_order(data)
    if "text" in data.tables:
        _check_text(data, non_print)
    if "segments" in data.tables:
        for name in ("wav.scp", "reco2dur", "reco2file_and_channel"):
            extra = data.tables.get(name, {}).keys() - set(data.recordings)
            if extra:
                first = bytewise(extra)[0]
                raise DataError(
                    f"{data.where(name, first)}: recording {first} is not in segments; {len(extra)} are too many",
                    f"utils/fix_data_dir.py {data.path}",
                )
    for _ in checks.parse_phones(data):
        pass


def _check_order(path: Path, keys: Collection[str]) -> None:
    found = list(keys)
    expected = bytewise(found)
    if found == expected:
        return
    number, wrong, right = next(
        (number, *pair) for number, pair in enumerate(zip(found, expected, strict=True), 1) if pair[0] != pair[1]
    )
    raise DataError(
        f"{path}:{number}: not sorted bytewise: {wrong} stands where {right} belongs",
        f"utils/fix_data_dir.py {path.parent}, or LC_ALL=C sort -o {path} {path}",
    )


def _check_speaker_order(data: DataDir) -> None:
    if [utterance for utterances in data.spk2utt.values() for utterance in utterances] == data.utterances:
        return
    by_speaker = sorted(data.utterances, key=lambda one: (data.utt2spk[one], one))
    number, found, expected = next(
        (number, *pair)
        for number, pair in enumerate(zip(data.utterances, by_speaker, strict=True), 1)
        if pair[0] != pair[1]
    )
    raise DataError(
        f"{data.path}/utt2spk:{number}: sorted by speaker, {expected} would stand here, not {found}",
        "make speaker ids prefixes of utterance ids (<speaker>-<utterance>), or give --no-spk-sort",
    )


def _check_text(data: DataDir, non_print: bool) -> None:
    joined = " ".join(data.text.values())
    if joined.isprintable() and not any(symbol in joined for symbol in ("<s>", "</s>", "#0")):
        return
    for utterance, spoken in data.text.items():
        symbol, space = _SYMBOL.search(spoken), _WHITESPACE.search(spoken)
        if symbol:
            fault, hint = f"the symbol {symbol.group()}, which Kaldi keeps for itself", "take it out"
        elif space:
            fault, hint = f"white space {space.group()!r} other than blanks and tabs", "put a blank in its place"
        elif not non_print and not spoken.replace("\t", "").isprintable():
            fault, hint = "a character that cannot be printed", "take it out, or give --non-print"
        else:
            continue
        raise DataError(f"{data.where('text', utterance)}: {utterance}: {fault}", hint)
