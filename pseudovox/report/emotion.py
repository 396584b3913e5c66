"""The table of arousal, dominance and valence: how far a system moves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pseudovox.metrics.dimensions import DIMENSIONS
from pseudovox.records import ORIGINAL, Record, emotion_metric, is_emotion_metric
from pseudovox.report.formatting import Table, cell, system_name

_MODELS = {
    "wav2vec2": "Rated by audeering's wav2vec 2.0, which learned from people's ratings of other speech.",
    "regression": "An approximation: a regression on {features}, trained on this original speech, speakers left out. "
    "Its targets are not ratings, but where people placed the word for each emotion (Russell and Mehrabian 1977). "
    "Its mean absolute error on original speech of speakers whom it has not heard: {errors} (always saying the mean: "
    "{guesses}).",
}


def dimension_tables(records: Sequence[Record], name: str) -> list[Table]:
    """A table for each model that rated the set, of all speakers together; original speech in the first row."""
    own = [record for record in records if is_emotion_metric(record.metric) and record.group == "all"]
    return [_table(own, model, name) for model in _MODELS if any(r.details.get("model") == model for r in own)]


def _table(records: Sequence[Record], model: str, name: str) -> Table:
    own = [record for record in records if record.details.get("model") == model]
    found = {(record.system, record.level, record.metric): record for record in own}
    systems = sorted({(record.system, record.level) for record in own if record.system != ORIGINAL})
    rows = []
    for system, level in [(ORIGINAL, ""), *systems]:
        cells = []
        for dimension in DIMENSIONS:
            mean = found.get((system, level, emotion_metric(model, dimension)))
            cells.append(cell(mean and replace(mean, ci_low=None), 2))
            for figure in ("difference", "absolute_difference"):
                record = found.get((system, level, emotion_metric(model, f"{dimension}_{figure}")))
                # Original speech against itself would be 0 by definition.
                cells.append("" if system == ORIGINAL else cell(record, 3))
        similarity = found.get((system, level, emotion_metric(model, "similarity")))
        rows.append([system_name(system, level), *cells, "" if system == ORIGINAL else cell(similarity, 2)])
    errors = [found.get((ORIGINAL, "", emotion_metric(model, f"{dimension}_error"))) for dimension in DIMENSIONS]
    there = [record for record in errors if record is not None]
    note = _MODELS[model].format(
        features=there[0].details["features"] if there else "",
        errors=", ".join(
            f"{cell(record, 3)} {dimension}" for record, dimension in zip(there, DIMENSIONS, strict=False)
        ),
        guesses=", ".join(f"{record.details['guessing']:.3f}" for record in there),
    )
    return Table(
        f"Arousal, dominance, valence ({name}): how far anonymization moves them ({model})",
        "Each on a scale of about 0 to 1: mean, mean difference to the same utterance before (below 0: less of it), "
        "and mean absolute difference. Similarity: mean cosine of what the model makes of the utterance before and "
        "after, 1 = the same.",
        [
            "system",
            *(head for dimension in DIMENSIONS for head in (dimension, "difference", "absolute")),
            "similarity",
        ],
        rows,
        [note, "Intervals: bootstrap over speakers."],
    )
