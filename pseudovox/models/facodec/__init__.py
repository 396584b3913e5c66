"""FACodec, the codec of NaturalSpeech 3 (Ju et al. 2024, arXiv 2403.03100): prosody, content, detail and timbre.

layers.py: SnakeBeta, free of aliasing, and the convolutional encoder and decoder; quantizer.py: factorised residual
quantisers; transformer.py: the transformer that timbre comes from; codec.py: the codec; heads.py: what supervises it in
training; redecoder.py: the decoder for other voices; published.py: the weights that its authors give away.
"""

from pseudovox.models.facodec.codec import FaCodec, Factors
from pseudovox.models.facodec.redecoder import Redecoder

__all__ = ["FaCodec", "Factors", "Redecoder"]
