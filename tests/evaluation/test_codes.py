"""What codes tell: histograms, tables over runs, speakers identified by codes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from pseudovox.core.errors import DataError, UsageError
from pseudovox.evaluation import codes
from pseudovox.evaluation.codes import Histogram
from pseudovox.models.quantizers.codebook import Codebook, Name


def test_histogram_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "counts.txt"
    path.write_text("a 3\nb 0\n5\n")
    found = codes.of_file(path, "mine")
    assert found.counts.tolist() == [3, 0, 5] and found.name == Name("mine", 2)
    path.write_text("a 3\nb -1\n")
    with pytest.raises(DataError, match=r"counts.txt:2: 'b -1': expected a count"):
        codes.of_file(path, "mine")
    path.write_text("0\n")
    with pytest.raises(DataError, match="nothing was counted"):
        codes.of_file(path, "mine")


def test_histogram_of_quantised_frames() -> None:
    book = np.random.default_rng(1).standard_normal((5, 4)).astype(np.float32)
    frames = [book[[0, 0, 1]], book[[2, 1, 0, 0]]]
    assert sorted(codes.of_frames(frames, "content").counts) == [1, 2, 4]
    assert sorted(codes.of_frames(frames, "content", 5).counts) == [0, 0, 1, 2, 4]
    with pytest.raises(DataError, match="3 different frames, expected those of 2 codes"):
        codes.of_frames(frames, "content", 2)
    with pytest.raises(DataError, match="not quantised"):
        codes.of_frames([np.random.default_rng(1).standard_normal((50, 4))], "content")


def test_table_over_runs_by_hand() -> None:
    runs = [Histogram(Name("vq", 1, run), np.array(counts)) for run, counts in ((1, [2, 2]), (2, [1, 3]))]
    rows = {row[5]: dict(zip(codes.COLUMNS, row, strict=True)) for row in codes.table(runs)}
    worst = [-math.log2(3 / 4), -math.log2(2 / 4)]
    assert float(rows["worst_case"]["mean"]) == pytest.approx(np.mean(worst), rel=1e-5)
    assert float(rows["worst_case"]["high"]) == pytest.approx(worst[0] + 0.975 * (worst[1] - worst[0]), rel=1e-4)
    assert float(rows["deviation"]["mean"]) == 0.5 and float(rows["deviation"]["ideal"]) == 1.0
    assert float(rows["average"]["ideal"]) == 1.0 and rows["average"]["runs"] == "2"


def test_errors_by_codes_by_hand() -> None:
    speakers = ["a"] * 4 + ["b"] * 4
    parts = codes.split(speakers)
    assert parts.known.tolist() == [0, 2, 4, 6] and parts.asked.tolist() == [1, 3, 5, 7]
    told_apart = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert codes.error_by_codes(told_apart, parts, 2) == 0.0
    assert codes.error_by_codes(np.zeros(8, int), parts, 2) == 50.0
    never_heard = np.array([0, 2, 0, 0, 1, 1, 1, 1])
    assert codes.error_by_codes(never_heard, parts, 3) == 25.0
    # Whoever speaks more does not count more: a is named rightly, b with six utterances never.
    uneven = codes.split(["a"] * 2 + ["b"] * 6)
    assert codes.error_by_codes(np.array([0, 0, 1, 2, 1, 2, 1, 2]), uneven, 3) == 50.0
    with pytest.raises(UsageError, match="two utterances or more"):
        codes.split(["a", "a", "b"])


def test_more_bits_identify_more_and_none_beats_the_bound() -> None:
    draw = np.random.default_rng(2)
    means = draw.standard_normal((32, 8))
    speakers = [f"s{row:02d}" for row in range(32) for _ in range(10)]
    vectors = np.repeat(means, 10, axis=0) + 0.1 * draw.standard_normal((320, 8))
    books = {Name("vq", bits): Codebook(means[: 2**bits].astype(np.float32)) for bits in (1, 3, 5)}
    header, whole, *rows = codes.identification(books, vectors, speakers)
    assert header == list(codes.ERRORS) and whole[0] == codes.AS_THEY_ARE and float(whole[5]) == 0.0
    errors = [float(row[5]) for row in rows if row[2] == "codes"]
    bounds = [float(row[8]) for row in rows if row[2] == "codes"]
    assert bounds == [93.75, 75.0, 0.0]
    assert errors[0] > errors[1] > errors[2] == 0.0
    assert all(error >= bound for error, bound in zip(errors, bounds, strict=True))


def test_records_of_a_run() -> None:
    worst, average = codes.records(np.array([8, 8, 8, 8]), "quantised", "test")
    assert (worst.metric, average.metric) == (codes.WORST, codes.AVERAGE)
    assert average.value == pytest.approx(2.0) and worst.value == pytest.approx(-math.log2(9 / 32))
    assert average.details["bits"] == 2.0 and average.n == 32 and average.details["deviation_over_chance"] == 0.0
