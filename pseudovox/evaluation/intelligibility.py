"""Word error rates of sets of data dirs, as records for the report."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.components.recognition.language_model import LANGUAGE_MODEL, BigramModel, perplexity, read_arpa
from pseudovox.core import seeds
from pseudovox.metrics import wer
from pseudovox.models import store
from pseudovox.records import ORIGINAL, Record

if TYPE_CHECKING:
    from pseudovox.config import Config
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")


def score_texts(
    data: Sequence[DataDir],
    hypotheses: Mapping[str, Mapping[str, str]],
    recognizer: Path,
    config: Config,
    *,
    system: str,
    seed: int,
    training: str = "",
) -> tuple[list[Record], dict[str, wer.Edits]]:
    """Word error rates of every set, in all and by gender.

    Args:
        data: data dirs with text.
        hypotheses: text by data dir and utterance.
        recognizer: its model dir. The perplexity of its language model, if it has one, is reported with the rates.
        config: sections `wer`, `decoder` and `levels` count.
        system: which anonymized the speech, or "original".
        seed: of the bootstrap.
        training: what the recogniser was trained on, if not on original speech ("anonymized").

    Returns:
        (records, edits by utterance)

    Raises:
        DataError: references and hypotheses do not hold the same utterances.
    """
    arpa = recognizer / LANGUAGE_MODEL
    model = read_arpa(arpa) if arpa.is_file() else None
    bundle = store.read_card(recognizer, *store.RECOGNIZERS)["facts"].get("bundle")
    edits: dict[str, wer.Edits] = {}
    references: dict[str, str] = {}
    for part in data:
        edits |= wer.edits_by_utterance(part.text, hypotheses[part.name], config.wer.normalisation)
        references |= part.text
    language_model = f" with {config.decoder.language_model} language model" if config.decoder.kind == "lexicon" else ""

    def details(chosen: Sequence[str]) -> dict[str, Any]:
        return {
            "normalisation": config.wer.normalisation,
            "decoder": config.decoder.kind + language_model,
            **({"recognizer": bundle} if bundle else {}),
            **(_language_model_facts(model, [references[utt] for utt in chosen]) if model else {}),
        }

    records = rate_records(data, edits, config, system=system, seed=seed, details=details)
    return [dataclasses.replace(record, training=training) for record in records], edits


def rate_records(
    data: Sequence[DataDir],
    edits: Mapping[str, wer.Edits],
    config: Config,
    *,
    system: str,
    seed: int,
    details: Callable[[Sequence[str]], dict[str, Any]],
    metric: str = "wer",
) -> list[Record]:
    """The word error rate of every set, in all and by gender.

    Args:
        data: the data dirs.
        edits: by utterance.
        config: sections `wer` (interval) and `levels` count.
        system, seed: as in `score_texts`.
        details: what to say of a rate, given its utterances.
        metric: the figure's name.
    """
    records = []
    for name, parts in by_set(data):
        speakers: dict[str, str] = {}
        genders: dict[str, str] = {}
        for part in parts:
            speakers |= part.utt2spk
            genders |= part.tables.get("spk2gender", {})
        for group in ("all", "f", "m"):
            chosen = [utt for utt, speaker in speakers.items() if group in ("all", genders.get(speaker))]
            if not chosen:
                continue
            level = "" if system == ORIGINAL else level_of(parts, config)
            record = _record(metric, name, group, level, system, chosen, speakers, edits, config, seed)
            record.details.update(details(chosen))
            records.append(record)
            if group == "all":
                found = wer.total([edits[utt] for utt in chosen])
                log.info("%s %s: %s %.2f %% (%s)", system, name, metric, found.rate, found)
    return records


def by_set(data: Sequence[DataDir]) -> Iterator[tuple[str, list[DataDir]]]:
    """The sets that figures on speech are of, in order of their names, each with its data dirs."""
    for name in sorted({part.origin.speech_set for part in data}):
        yield name, [part for part in data if part.origin.speech_set == name]


def level_of(parts: Sequence[DataDir], config: Config) -> str:
    """The anonymization level of data dirs that a system made; "mixed" if they differ."""
    levels = {config.levels.of(part.origin.source) for part in parts}
    return levels.pop() if len(levels) == 1 else "mixed"


def _record(
    metric: str, name: str, group: str, level: str, system: str, chosen: Sequence[str], speakers: Mapping[str, str],
    edits: Mapping[str, wer.Edits], config: Config, seed: int,
) -> Record:  # fmt: skip
    by_speaker: dict[str, wer.Edits] = {}
    for utterance in chosen:
        by_speaker[speakers[utterance]] = by_speaker.get(speakers[utterance], wer.Edits()) + edits[utterance]
    found = wer.total(list(by_speaker.values()))
    low = high = float("nan")
    if config.wer.interval_rounds:
        errors, words = np.array([[own.errors, own.reference_words] for _, own in sorted(by_speaker.items())]).T
        # The same draws for every system, so that their intervals can be compared.
        draw = seeds.generator(seed, "wer-interval", f"{name}/{group}")
        low, high = wer.bootstrap_interval(errors, words, draw, draws=config.wer.interval_rounds)
    return Record(
        metric=metric,
        value=None if np.isnan(found.rate) else found.rate,
        unit="%",
        system=system,
        set=name,
        group=group,
        level=level,
        ci_low=None if np.isnan(low) else low,
        ci_high=None if np.isnan(high) else high,
        n=found.reference_words,
        n_of="words",
        details={
            "substitutions": found.substitutions,
            "deletions": found.deletions,
            "insertions": found.insertions,
            "speakers": len(by_speaker),
        },
    )


def _language_model_facts(model: BigramModel, references: Sequence[str]) -> dict[str, float | int | None]:
    found = perplexity(model, [text.split() for text in references])
    return {
        "lm_perplexity": None if np.isnan(found.perplexity) else found.perplexity,
        "words_unknown_to_lm": found.unknown,
    }
