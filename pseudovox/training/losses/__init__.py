"""Perception-informed losses: what a network or a tracker hears in a reconstruction, against what it hears in speech.

After "perception-informed" VQ-VAEs (arXiv 2410.15499): one module a loss, under the name that section
`system.options.losses` has for it. Each is a number that falls to 0 where reconstruction and source are heard alike
(those of diversification: that falls as a conversion and its source are heard apart), differentiable to the spectra.

    content             hidden layers of the toolkit's content extractor, on Kaldi's log-mel frames
    formants            F1 to F3 by a tracker that was distilled from Praat, on the same
    f0_consistency      F0 by its mean, by the same tracker
    f0_diversification  F0 of a conversion, by the same tracker
    mel_diversification the spectra of a conversion
    vgg                 layers of VGG16, on spectra as pictures
    f0                  F0 by CREPE, on samples
    mos                 layers and score of DistillMOS, on samples
    wavlm               a hidden layer of WavLM, on samples

Samples are what the vocoder makes of spectra, where one is given (`Sound`); else the source's own samples through the
filter that makes the source's spectra the reconstruction's.
"""

from __future__ import annotations

from pseudovox.training.losses.interface import LOSSES, Context, Loss, Pair, Terms, View, build

__all__ = ["LOSSES", "Context", "Loss", "Pair", "Terms", "View", "build"]
