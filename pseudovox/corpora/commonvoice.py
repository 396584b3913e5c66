"""Common Voice (Ardila et al., LREC 2020; commonvoice.mozilla.org), sentences read by volunteers, many languages; CC0.

    <root>/<language>/<table>.tsv                     validated, train, dev, test, ...: a head, then a row a clip
    <root>/<language>/clips/common_voice_<language>_<digits>.mp3

<root> may be the folder above cv-corpus-<version>, too. Of the columns, which are found by their heads, `client_id`,
`path` and `sentence` must be there; `age` and `gender` are used where they are. Nothing in the file is quoted: a `"` is
part of the sentence. A clip may lie there in another container (.ogg, .flac ...) than the table says.

Who uses Common Voice promises not to try to find out who its speakers are. The ids keep 12 digits of the client_id, to
tell the voices apart, and no more of what the table says of a person than gender and, of adults, age.

Volunteers may say nothing of themselves, or different things from clip to clip. Gender is what most of a speaker's
clips say, among those that say anything; unknown if some say female and others male, or as many say something else.
Age likewise, the lower one of two that as many say; whoever is in their teens in any clip is no adult here.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pseudovox.core.errors import DataError, MissingModelError, UsageError
from pseudovox.corpora import Recording, as_named, audio_by_stem, folders, read_text_lines, words

log = logging.getLogger("pseudovox")
NEEDED = ("client_id", "path", "sentence")
ID_DIGITS = 12
GENDERS = {"female": "f", "female_feminine": "f", "male": "m", "male_masculine": "m"}
TEENS = "teens"
# As Common Voice spells them.
AGES = (TEENS, "twenties", "thirties", "fourties", "fifties", "sixties", "seventies", "eighties", "nineties")
HINT = "ask Mozilla for Common Voice (local/download.py commonvoice says how), and give the folder of the languages"


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        where: file and line.
        client: the client_id.
        path: name of the clip.
        sentence: as it was shown to the speaker.
        age, gender: what the speaker said, in Common Voice's words; may be empty.
    """

    where: str
    client: str
    path: str
    sentence: str
    age: str
    gender: str


def find_languages(root: Path, table: str = "validated") -> dict[str, Path]:
    """The folders of the languages that have the table, by language.

    Raises:
        MissingModelError: none is there.
        DataError: several versions of the corpus are.
    """
    if not root.is_dir():
        raise MissingModelError(f"{root}: no such folder", HINT)
    for places in ([root], [path for path in folders(root) if path.name.startswith("cv-corpus-")]):
        having = [place for place in places if any(place.glob(f"*/{table}.tsv"))]
        if len(having) > 1:
            raise DataError(f"{root}: {' and '.join(path.name for path in having)}: which one?", "give one of them")
        if having:
            return {path.name: path for path in folders(having[0]) if (path / f"{table}.tsv").is_file()}
    raise MissingModelError(f"{root}: no language there (<language>/{table}.tsv)", HINT)


def check_names(languages: Sequence[str], table: str) -> None:
    """UsageError for what cannot be a language or table of Common Voice (both become names of folders)."""
    for name in (*languages, table):
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
            raise UsageError(f"{name!r}: expected the name of a language (en, zh-CN) or table (validated)")


def read(root: Path, language: str, table: str = "validated") -> list[Recording]:
    """The recordings of a table, with utt2lang; gender and spk2age (adults' word for it) are empty where not known.

    `everybody` and `adults` choose what makes a data dir. Clips whose sentence holds no word are left out, and named in
    the log.

    Args:
        root: see the head of this module.
        language: as the corpus calls it, e.g. en or zh-CN.
        table: name of the file without .tsv.

    Raises:
        MissingModelError: the language or the table is not there.
        DataError: a malformed table, a clip that is missing, stands twice or has no name of the layout, or two speakers
            whose client_ids begin alike.
    """
    there = find_languages(root, table)
    if language not in there:
        known = ", ".join(there)
        raise MissingModelError(f"{root}/{language}/{table}.tsv: no such file; languages there: {known}", HINT)
    folder = there[language]
    rows = list(read_rows(folder / f"{table}.tsv"))
    speakers = _speakers(rows)
    genders = {name: gender_said(said) for name, said in _said(rows, speakers, "gender").items()}
    ages = {name: adult_age_said(said) for name, said in _said(rows, speakers, "age").items()}
    clips = audio_by_stem(folder / "clips")
    recordings: dict[str, Recording] = {}
    for row in rows:
        found = re.fullmatch(rf"common_voice_{re.escape(language)}_(\d+)(\.\w+)?", row.path)
        if not found:
            expected = f"common_voice_{language}_<digits>.mp3"
            raise DataError(f"{row.where}: expected a clip {expected}, found {row.path[:60]!r}")
        speaker = speakers[row.client]
        utterance = f"{speaker}-{language}_{found[1]}"
        if utterance in recordings:
            raise DataError(f"{row.where}: {row.path} stands twice")
        text = words(row.sentence)
        if not any(character.isalnum() for character in text):
            log.warning("%s: left out: no words in %r", row.where, row.sentence[:60])
            continue
        audio = as_named(folder / "clips" / row.path, clips, row.where)
        recordings[utterance] = Recording(
            utterance, speaker, audio, genders[speaker], text, {"utt2lang": language}, {"spk2age": ages[speaker]}
        )
    return list(recordings.values())


def everybody(recordings: Sequence[Recording]) -> list[Recording]:
    """All of them; without age, and with gender only if that is known of every speaker."""
    unknown = len({one.speaker for one in recordings if not one.gender})
    if unknown:
        speakers = len({one.speaker for one in recordings})
        log.info("no spk2gender: of %d speakers, it is not known of %d", speakers, unknown)
    return [dataclasses.replace(one, gender="" if unknown else one.gender, speaker_tables={}) for one in recordings]


def adults(recordings: Sequence[Recording]) -> list[Recording]:
    """Those of speakers who say that they are female or male, and of what age, and nowhere that they are teenagers."""
    return [one for one in recordings if one.gender and one.speaker_tables["spk2age"]]


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a table, in its order; DataError for a malformed one."""
    columns: Mapping[str, int] = {}
    for number, line in enumerate(read_text_lines(path), 1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split("\t")]
        if not columns:
            columns = {name: place for place, name in enumerate(fields)}
            lacking = [name for name in NEEDED if name not in columns]
            if lacking or len(columns) < len(fields):
                what = f"no column {lacking[0]}" if lacking else "a column that stands twice"
                raise DataError(f"{path}:{number}: {what} in the head: {line[:60]!r}")
            continue
        if len(fields) != len(columns):
            raise DataError(f"{path}:{number}: {len(fields)} columns, expected {len(columns)} as in the head")
        client, clip, sentence, age, gender = (
            fields[columns[name]] if name in columns else "" for name in (*NEEDED, "age", "gender")
        )
        if not re.fullmatch(rf"[0-9a-f]{{{ID_DIGITS},}}", client):
            raise DataError(
                f"{path}:{number}: client_id {client[:20]!r}, expected {ID_DIGITS} hexadecimal digits or more"
            )
        yield Row(f"{path}:{number}", client, clip, sentence, age, gender)


def gender_said(said: Iterable[str]) -> str:
    """f, m, or empty for unknown, from what one speaker's clips say."""
    counts = Counter(GENDERS.get(word, "other") for word in said if word)
    if not counts or (counts["f"] and counts["m"]):
        return ""
    gender = "f" if counts["f"] else "m"
    return gender if counts[gender] > counts["other"] else ""


def adult_age_said(said: Iterable[str]) -> str:
    """The word for the age, e.g. twenties, from what one speaker's clips say; empty for unknown, or in their teens."""
    counts = Counter(word for word in said if word in AGES)
    if not counts or counts[TEENS]:
        return ""
    return max(counts, key=lambda word: (counts[word], -AGES.index(word)))


def _speakers(rows: Sequence[Row]) -> dict[str, str]:
    """Speaker ids by client_id."""
    clients: dict[str, str] = {}
    for row in rows:
        speaker = f"cv{row.client[:ID_DIGITS]}"
        if clients.setdefault(speaker, row.client) != row.client:
            raise DataError(
                f"{row.where}: {row.client[:20]}... would be called {speaker}, as another client_id is",
                "take the clips of one of them out of the table",
            )
    return {client: speaker for speaker, client in clients.items()}


def _said(rows: Sequence[Row], speakers: Mapping[str, str], what: str) -> dict[str, list[str]]:
    """All that a speaker's clips say of age or gender."""
    said: dict[str, list[str]] = {speaker: [] for speaker in speakers.values()}
    for row in rows:
        said[speakers[row.client]].append(getattr(row, what))
    return said
