"""pocketsphinx: which words does a general recogniser of English hear?

A recogniser of the years before neural networks (Gaussian mixtures on cepstra; BSD), with the US English models and
dictionary of its wheel, as they are: nothing is adapted to speaker, corpus or vocabulary. It is a poor listener, so
its WER is for comparing systems, not for what people understand. On clean read English it is 59 % (40 utterances of
LibriSpeech test-other, the harder speakers; 42 % on 12 of them), and 80 to 100 % on the synthetic voices of
recipes/mini, where little is left to compare: look at the original's rate first.
"""

from __future__ import annotations

import functools

import numpy as np

from pseudovox.evaluation.judges.transcript import judgement

SHORTEST = 4000  # samples; shorter utterances are padded with silence, or the decoder finds no frame


class Judge:
    """Recognises an utterance: float32 (1 + n,), a score and the words (pseudovox.evaluation.judges.transcript)."""

    def __init__(self) -> None:
        import pocketsphinx

        self.new = functools.partial(pocketsphinx.Decoder, cmn="batch", loglevel="FATAL")

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        padded = np.pad(samples, (0, max(0, SHORTEST - len(samples))))
        pcm = np.clip(np.round(padded * 32768.0), -32768, 32767).astype("<i2")
        # A decoder remembers what it heard before (cepstral means unless they are of the whole utterance, and more), so
        # that words depend on the order of the utterances. A new one takes a third of a second.
        decoder = self.new()
        decoder.start_utt()
        decoder.process_raw(pcm.tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        text = (found.hypstr or "") if found else ""
        return judgement(found.score if found else 0.0, text)
