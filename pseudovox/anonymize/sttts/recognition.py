"""The phones of recordings and their times, by a phone predictor alone or by Whisper, espeak-ng and alignment.

The phone predictor (models.conv_decoder) gives the probability of every phone, and of silence, for every frame.

- `phones`: the most likely sequence of phones under a bigram of phones, each of which lasts `shortest` frames or more:
  an exact Viterbi search over frames' probabilities.
- `whisper`: the words are Whisper's, their phones espeak-ng's, and their times the best path through the predictor's
  probabilities: CTC's monotonic search (torchaudio.functional.forced_align), in which the blank stands for silence and
  is as likely, so that there may be a pause between any two phones, and none need be. Phones that the predictor does
  not know are aligned as those that are articulated most similarly.

Phones without gaps from the first frame to the last, silence among them; so what is silent before and behind the speech
keeps its length. Frames are those of 10 ms of components.f0.
"""

from __future__ import annotations

import copy
import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from pseudovox.anonymize.knnvc import features as knn_features
from pseudovox.anonymize.knnvc.phones import Predictors, runs
from pseudovox.anonymize.sttts import symbols
from pseudovox.components import espeak, f0
from pseudovox.components.alignment import SPELT
from pseudovox.components.recognition.language_model import END, LANGUAGE_MODEL, START, read_arpa
from pseudovox.core.errors import DataError
from pseudovox.models import whisper

if TYPE_CHECKING:
    from pseudovox.anonymize.sttts import options as settings
    from pseudovox.anonymize.sttts.options import Options
    from pseudovox.components.recognition.language_model import BigramModel
    from pseudovox.stage.parallel import Utterance

log = logging.getLogger("pseudovox")
FRAME_SECONDS = 0.01
ARRAYS = ("phones", "words")  # of RecogniseWorker
_IMPOSSIBLE = -1e4  # a log probability that no path takes if there is another


def spoken_phones(text: str, language: str) -> list[list[int]]:
    """The codes of the phones of each word, as espeak-ng would say the text.

    Raises:
        UsageError: espeak-ng does not know the language. DataError: it names a phone that is not in the IPA.
    """
    english = language.split("-")[0] == "en"
    # Signs that stand alone espeak-ng would spell.
    text = " ".join(word for word in text.split() if any(sign.isalnum() for sign in word))
    return [
        [symbols.code(name.upper()) if english else symbols.of_ipa(name) for name in _as_trained(word, english)]
        for word in espeak.words(text, language)
    ]


def _as_trained(word: Sequence[str], english: bool) -> list[str]:
    """English in those phones alone that CMUdict has: as what is aligned for training."""
    if not english:
        return list(word)
    return [name for phone in word for name in SPELT.get(phone, phone.upper()).split()]


def align(log_posteriors: torch.Tensor, phones: Sequence[int], silence: int) -> np.ndarray | None:
    """The phone of every frame, for a sequence of phones: CTC's best path with silence as its blank.

    Args:
        log_posteriors: (frames, phones of the predictor).
        phones: places among these, without silence.
        silence: the place of silence.

    Returns:
        int64 (frames,): places in the sequence, -1 where there is silence; None: there are more phones than frames.
    """
    from torchaudio.functional import forced_align

    frames, repeats = len(log_posteriors), sum(one == other for one, other in itertools.pairwise(phones))
    if not phones:
        return np.full(frames, -1)
    if len(phones) + repeats > frames:
        return None
    targets = torch.tensor([phones], dtype=torch.int32)
    (labels,), _ = forced_align(log_posteriors[None].float().cpu(), targets, blank=silence)
    spoken = labels.numpy() != silence
    starts = spoken & np.r_[True, labels.numpy()[1:] != labels.numpy()[:-1]]
    return np.where(spoken, np.cumsum(starts) - 1, -1)


def search(
    log_posteriors: np.ndarray, transitions: np.ndarray, first: np.ndarray, last: np.ndarray, shortest: int
) -> np.ndarray:
    """The most likely phone of every frame, by Viterbi's search.

    Args:
        log_posteriors: (frames, phones).
        transitions: log weight of a phone after another, (phones before, phones); staying in a phone weighs nothing.
        first, last: log weight of a phone at the beginning and at the end, (phones,).
        shortest: frames that a phone lasts at least; of an utterance that is shorter, all of it.

    Returns:
        int64 (frames,)
    """
    frames, count = log_posteriors.shape
    shortest = max(1, min(shortest, frames))
    score = np.full((shortest, count), _IMPOSSIBLE)
    score[0] = first + log_posteriors[0]
    entered = np.zeros((frames, count), np.int64)  # from which phone
    stayed = np.zeros((frames, count), bool)  # in the last of a phone's states
    for frame in range(1, frames):
        ways = score[-1][:, None] + transitions
        best = ways.argmax(0)
        entered[frame] = best
        moved = np.concatenate([ways[best, np.arange(count)][None], score[:-1]])
        stayed[frame] = score[-1] > moved[-1]
        moved[-1] = np.maximum(score[-1], moved[-1])
        score = moved + log_posteriors[frame]
    found = np.zeros(frames, np.int64)
    phone, state = int((score[-1] + last).argmax()), shortest - 1
    for frame in range(frames - 1, -1, -1):
        found[frame] = phone
        if state == shortest - 1 and stayed[frame, phone]:
            continue
        if state:
            state -= 1
        else:
            phone, state = int(entered[frame, phone]), shortest - 1
    return found


def bigram_weights(
    model: BigramModel, phones: Sequence[str], weight: float, insertion: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `search` takes of a bigram of phones: (transitions, first, last).

    Args:
        model: of the phones, silence among them.
        phones: their order.
        weight: of its logarithm.
        insertion: added wherever a phone begins.
    """
    table = np.array([[model.log_probability(after, before) for after in phones] for before in phones])
    first = np.array([model.log_probability(phone, START) for phone in phones])
    last = np.array([model.log_probability(END, phone) for phone in phones])
    transitions = weight * table + insertion
    np.fill_diagonal(transitions, _IMPOSSIBLE)  # two equal phones in a row are one
    return transitions, weight * first + insertion, weight * last


class Recogniser:
    """What hears phones.

    Args:
        options: of the system; `features`, `phones.layer` and `recogniser` count.
        phones: model dir of the phone predictor.
        bottleneck: model dir of the content extractor, for features of kind bottleneck.
        device: torch device.

    Raises:
        MissingModelError, DataError: as store.load; DataError too where the predictor has no bigram of phones.
    """

    def __init__(self, options: Options, phones: Path, bottleneck: Path | None, device: str = "cpu") -> None:
        from pseudovox.components.transcription import Transcriber

        self.options: settings.Recogniser = options.recogniser
        self.predictors = Predictors(phones, device=device)
        layer = int(self.predictors.facts["layer"])
        self.extract = knn_features.load(options.features, layers=(layer,), bottleneck=bottleneck, device=device)
        self.silence = self.predictors.phones.index(espeak.SILENCE)
        self.codes = symbols.codes_of(self.predictors.phones)
        self.transcribe: Transcriber | None = None
        self.weights: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        if self.options.kind == "whisper":
            folder = whisper.find(self.options.weights)
            self.transcribe = Transcriber(folder, self.options.language, device)
        else:
            check(options, phones)
            own = self.options
            bigram = read_arpa(phones / LANGUAGE_MODEL)
            self.weights = bigram_weights(bigram, self.predictors.phones, own.lm_weight, own.insertion)

    def __call__(self, samples: np.ndarray, identity: str = "") -> tuple[np.ndarray, np.ndarray, str]:
        """The phones of a recording.

        Args:
            samples: (samples,) at 16 kHz.
            identity: the utterance's id, for the log.

        Returns:
            codes int64 (phones,); frames of 10 ms of each, int64 (phones,), which add up to
            f0.frame_count(samples); and the words, "" where none are known.
        """
        frames = f0.frame_count(len(samples))
        silence = (np.array([symbols.SILENCE]), np.array([frames]))
        if not samples.any():
            return *silence, ""
        if self.transcribe is None:
            assert self.weights is not None
            posteriors = self.log_posteriors(samples)
            labels = search(posteriors.numpy().astype(np.float64), *self.weights, self.options.shortest)
            codes = self.codes[labels]
            return *self._timed(codes, labels, frames), ""
        text = self.transcribe(samples)
        words = spoken_phones(text, self.options.language)
        codes = np.array([code for word in words for code in word], np.int64)
        if not len(codes):
            log.info("%s: no words are heard; it stays silent", identity)
            return *silence, text
        known = [place for place in range(len(self.codes)) if place != self.silence]
        targets = [known[place] for place in symbols.nearest(codes, self.codes[known])]
        found = align(self.log_posteriors(samples, targets), targets, self.silence)
        if found is None:
            message = "%s: %d phones do not fit into %d frames of 10 ms; it stays silent"
            log.warning(message, identity, len(codes), frames)
            return *silence, text
        spoken = np.where(found >= 0, codes[np.maximum(found, 0)], symbols.SILENCE)
        return *self._timed(spoken, found, frames), text

    def log_posteriors(self, samples: np.ndarray, tuned_to: Sequence[int] = ()) -> torch.Tensor:
        """Of the phones, silence among them but no blank: float32 (frames, phones).

        With `recogniser.tuned` the predictor first goes so many steps of gradient descent on the utterance's own phones
        (`tuned_to`) by CTC, from its trained weights each time.
        """
        (layers,) = self.extract([samples])
        features = torch.as_tensor(layers[0], device=self.predictors.device)[None]
        network: torch.nn.Module = self.predictors.network
        if tuned_to and self.options.tuned:
            network = tuned(network, features, tuned_to, self.options.tuned, self.options.tuning_rate)
        with torch.inference_mode():
            found: torch.Tensor = network(features)[0, :, : len(self.predictors.phones)].log_softmax(1).cpu()
        return found

    def _timed(self, codes: np.ndarray, labels: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Runs of 10 ms of what each of the predictor's frames is: `labels` tells runs of equal codes apart."""
        step = self.extract.frame_shift / FRAME_SECONDS
        _, lengths = runs(labels)
        ends = np.rint(np.cumsum(lengths) * step).astype(np.int64)
        ends[-1] = frames
        ends = np.minimum(ends, frames)
        durations = np.diff(ends, prepend=0)
        phones = codes[np.cumsum(lengths) - 1]
        kept = durations > 0
        return without_short_pauses(phones[kept], durations[kept], round(self.options.shortest_pause / FRAME_SECONDS))


def without_short_pauses(phones: np.ndarray, durations: np.ndarray, shortest: int) -> tuple[np.ndarray, np.ndarray]:
    """Silence of fewer than `shortest` frames between phones counts to the phone before; that at both ends stays."""
    short = (phones == symbols.SILENCE) & (durations < shortest)
    short[:1] = short[-1:] = False
    owner = np.cumsum(~short) - 1
    return phones[~short], np.bincount(owner, durations).astype(np.int64)


def tuned(
    network: torch.nn.Module, features: torch.Tensor, phones: Sequence[int], steps: int, rate: float
) -> torch.nn.Module:
    """A copy of the predictor after some steps of gradient descent on the phones of one utterance.

    Baseline B3 makes 3 of its aligner, at a rate of 0.1, with gradients clipped to norm 1.

    Args:
        network: models.conv_decoder.PhonePredictor.
        features: (1, frames, inputs).
        phones: places among its phones.
        steps, rate: of the descent.
    """
    own: torch.nn.Module = copy.deepcopy(network).eval()
    blank = int(own.phones)  # type: ignore[arg-type]
    optimizer = torch.optim.SGD(own.parameters(), lr=rate)
    targets = torch.tensor([list(phones)])
    with torch.inference_mode(False), torch.enable_grad():
        frames = features.clone()
        for _ in range(steps):
            logits = own(frames)[0]
            loss = functional.ctc_loss(
                logits.log_softmax(1)[:, None], targets, torch.tensor([len(logits)]), torch.tensor([len(phones)]),
                blank=blank, zero_infinity=True,
            )  # fmt: skip
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(own.parameters(), 1.0)
            optimizer.step()
    return own


class RecogniseWorker:
    """Recognises utterances in a worker process; gives `phones` (phones, 2: code, frames) and `words`, text in UTF-8.

    Args:
        options, phones, bottleneck: see Recogniser.
    """

    def __init__(self, options: Options, phones: Path, bottleneck: Path | None, *, device: str = "cpu") -> None:
        self.recognise = Recogniser(options, phones, bottleneck, device)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            codes, durations, text = self.recognise(utterance.audio(), utterance.id)
            yield (
                utterance,
                {
                    "phones": np.stack([codes, durations], axis=1).astype(np.float32),
                    "words": np.array([0, *text.encode("utf-8")], np.float32),
                },
            )


def check(options: Options, phones: Path) -> None:
    """Raise DataError if a recogniser of kind phones is asked for, and the model dir has no bigram of phones."""
    if options.recogniser.kind == "phones" and not (phones / LANGUAGE_MODEL).is_file():
        raise DataError(
            f"{phones / LANGUAGE_MODEL}: no bigram of phones here: an older steps/train_phones.py has made this model",
            "train it again, or --set system.options.recogniser.kind=whisper",
        )


def tables(
    utterances: Sequence[str], phones: Mapping[str, np.ndarray], words: Mapping[str, np.ndarray]
) -> tuple[str, str]:
    """The files phones.ctm (in the IPA, seconds) and text of what RecogniseWorker has given, "" without any words."""
    lines, text = [], []
    for utterance in utterances:
        codes, durations = np.rint(phones[utterance]).astype(np.int64).T
        ends = np.cumsum(durations)
        for code, length, end in zip(codes, durations, ends, strict=True):
            start = (end - length) * FRAME_SECONDS
            lines.append(f"{utterance} 1 {start:.2f} {length * FRAME_SECONDS:.2f} {symbols.label_of(int(code))}\n")
        spoken = bytes(words[utterance][1:].astype(np.uint8)).decode("utf-8")
        text.append(f"{utterance} {spoken}".strip() + "\n" if spoken else "")
    return "".join(lines), "".join(text)
