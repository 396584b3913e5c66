"""What is drawn, in which order, from where, and what is held out of it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pseudovox.config import SpeakerFeatures
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data import audio
from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir
from pseudovox.kinds.speaker_networks.xvector import Options
from pseudovox.training import chunks
from pseudovox.training.chunks import SpeakerChunks, chunk_count

FBANK = SpeakerFeatures(kind="fbank", bins=20, high=8000.0, window=100_000, speech_only=False)
STREAMED = Options(
    features=FBANK, chunk_min=0.3, chunk_max=0.3, copies=0, read="chunks", balance="chunks", held_out_every=4
)


def ramps(folder: Path, speakers: int = 8, utterances: int = 4) -> DataDir:
    """Utterances of 0.5 to 0.8 s whose samples count up, so that a chunk tells where it was cut."""
    tables: dict[str, dict[str, str]] = {name: {} for name in ("wav.scp", "utt2spk", "utt2dur", "spk2gender")}
    for number in range(speakers):
        speaker = f"s{number}"
        tables["spk2gender"][speaker] = "fm"[number % 2]
        for place in range(utterances):
            utterance = f"{speaker}-{place}"
            samples = np.arange(8000 + 1600 * place) / 32768
            write_wav(folder / f"{utterance}.wav", samples)
            tables["wav.scp"][utterance] = str(folder / f"{utterance}.wav")
            tables["utt2spk"][utterance] = speaker
            tables["utt2dur"][utterance] = f"{len(samples) / 16000:.4f}"
    return DataDir("data/ramps", tables)


def source(data: DataDir, batch_size: int = 4, **changes: object) -> SpeakerChunks:
    return SpeakerChunks([data], replace(STREAMED, **changes), batch_size, 1, None)  # type: ignore[arg-type]


def test_chunks_are_read_from_their_place_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = ramps(tmp_path)
    asked = []
    load = audio.load
    monkeypatch.setattr(audio, "load", lambda *a, **named: asked.append(named["span"]) or load(*a, **named))
    samples, labels = source(data).batch(3)
    assert samples.shape == (4, 4800) and labels.shape == (4,) and len(asked) == 4
    for chunk, (start, end) in zip(samples, asked, strict=True):
        assert round(float(chunk[0]) * 32768) == round(start * 16000) and end - start == pytest.approx(0.3)
        assert torch.all((chunk[1:] - chunk[:-1]) * 32768 == 1)
    assert len({start for start, _ in asked}) > 1
    again = source(data)
    again.batch(0)
    assert torch.equal(again.batch(3)[0], samples)


def test_a_short_utterance_is_repeated(tmp_path: Path) -> None:
    samples, _ = source(ramps(tmp_path), chunk_min=1.0, chunk_max=1.0).batch(0)
    assert samples.shape == (4, 16000)
    length = int(samples[0].argmax()) + 1
    assert 8000 <= length < 16000 and samples[0][length] == samples[0][0] == 0


def test_each_chunk_once_in_a_pass(tmp_path: Path) -> None:
    made = source(ramps(tmp_path), batch_size=3)
    # Of each speaker three utterances of 0.5 to 0.8 s: one or two chunks of 0.3 s each.
    rows = Counter(made.rows)
    assert set(rows.values()) == {1, 2} and made.batches == len(made.rows) // 3
    for turn in (0, 1):
        drawn = [row for index in range(made.batches) for row in made._in_turn(turn * made.batches + index)]
        assert all(count <= rows[row] for row, count in Counter(drawn).items())
        assert len(drawn) > len(made.rows) - 3
    assert list(made._in_turn(0)) != list(made._in_turn(made.batches))


def test_chunk_count(tmp_path: Path) -> None:
    data = ramps(tmp_path, speakers=1)
    assert [chunk_count(data, f"s0-{place}", 0.3) for place in range(4)] == [1, 2, 2, 2]
    assert chunk_count(data, "s0-0", 3.0) == 1
    # The mean of a ramp's first 0.3 s is 0.073, that of its second 0.22.
    assert [chunk_count(data, "s0-1", 0.3, quietest) for quietest in (0.05, 0.1, 0.3)] == [2, 1, 0]
    with pytest.raises(DataError, match="no chunk is as loud as quietest"):
        _ = source(ramps(tmp_path), quietest=0.9).rows


def test_whole_speakers_are_held_out(tmp_path: Path) -> None:
    data = ramps(tmp_path)
    made = source(data, validation="speakers", held_out_speakers=0.25)
    apart = {data.utt2spk[utterance] for _, (_, utterance) in made.held_out}
    assert len(apart) == 4 and len(made.speakers) == 4 and not apart & set(made.speakers)
    assert sorted(data.tables["spk2gender"][speaker] for speaker in apart) == ["f", "f", "m", "m"]
    assert min(label for label, _ in made.held_out) == 4 and len(made.held_out) == 16
    assert len(source(data, validation="speakers", held_out_most=8).held_out) == 8
    [(samples, labels, is_female)] = list(made.validation())
    assert samples.shape == (16, 4800) and labels.tolist() == sorted(labels.tolist())
    assert is_female.sum() == 8
    with pytest.raises(DataError, match="none can be held out for validation"):
        source(ramps(tmp_path, speakers=4), validation="speakers")


def test_held_out_utterances_come_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = source(ramps(tmp_path))
    assert len(made.held_out) == 8  # one in four of each
    [whole] = list(made.validation())
    monkeypatch.setattr(chunks, "VALIDATION_BATCH", 3)
    parts = list(made.validation())
    assert [len(part[1]) for part in parts] == [3, 3, 2]
    assert all(
        torch.equal(torch.cat(column), wanted) for column, wanted in zip(zip(*parts, strict=True), whole, strict=True)
    )


def test_targets_go_along(tmp_path: Path) -> None:
    data = ramps(tmp_path)
    targets = [{utterance: int(utterance[-1]) for utterance in data.utterances}]
    made = SpeakerChunks([data], STREAMED, 4, 1, None, targets)
    assert made.batch(0)[2].shape == (4,) and set(made.batch(0)[2].tolist()) <= {0, 1, 2, 3}
    assert [len(batch) for batch in made.validation()] == [4]


@pytest.mark.parametrize("read", ["chunks", "utterances"])
def test_each_chunk_from_its_own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: str) -> None:
    """SpAnE's: utterances of 0.5 to 0.8 s are two or three chunks of 0.3 s, the last one shorter; all validate."""
    data, asked = ramps(tmp_path, speakers=2), []
    load = audio.load
    monkeypatch.setattr(audio, "load", lambda *a, **named: asked.append(named.get("span")) or load(*a, **named))
    made = source(data, 3, balance="places", read=read)
    assert [len(own) for own in made.train] == [3, 3] and len(made.held_out) == 2
    lengths = Counter(utterance[1] for _, utterance, _ in made.rows)
    assert {int(name[-1]): count for name, count in lengths.items()}.items() <= {0: 2, 1: 2, 2: 3, 3: 3}.items()
    found = [made.batch(index) for index in range(made.batches)]
    if read == "chunks":
        spans = {(round(start, 4), round(end, 4)) for start, end in asked}
        assert {start for start, _ in spans} <= {0.0, 0.3, 0.6} and all(end - start < 0.3001 for start, end in spans)
        row = next(row for row in made.rows if row[2] == 1 and made.data[0].duration(row[1][1]) < 0.59)
        short = made.middle(row[1], 30, row[2])
        size = round(made.data[0].duration(row[1][1]) * 16000) - 4800
        assert len(short) == 4800 and np.array_equal(short[size : size + 50], short[:50]), "the rest is repeated"
    assert all(inputs.shape[1] in (4800, 30) for inputs, _ in found)
    assert sum(len(batch[1]) for batch in made.validation()) == sum(
        2 + (data.duration(name) > 0.61) for _, (_, name) in made.held_out
    )
    again = source(data, 3, balance="places", read=read)
    assert torch.equal(again.batch(1)[0], found[1][0])


def test_places_are_of_chunks_of_one_length(tmp_path: Path) -> None:
    for wrong in ({"chunk_min": 0.2}, {"quietest": 0.1}):
        with pytest.raises(UsageError, match="balance: places: chunks of one length"):
            source(ramps(tmp_path, speakers=2), balance="places", **wrong)


def test_unknown_words(tmp_path: Path) -> None:
    for key in ("read", "balance", "validation"):
        with pytest.raises(UsageError, match=f"{key}: 'x': expected .* or "):
            source(ramps(tmp_path), **{key: "x"})
