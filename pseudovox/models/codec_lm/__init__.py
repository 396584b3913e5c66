"""Networks of the codec language model (systems codec_lm): semantic units, codecs, coarse and fine transformers.

transformer.py   blocks of GPT-2's kind, causal with a cache of keys and values, or not causal
coarse.py        semantic units to the first two codebooks, token by token; two layouts
fine.py          the other codebooks of those below, all frames at once
units.py         which unit a feature frame is
world_codec.py   a small codec of WORLD frames
encodec.py       EnCodec (transformers)
bark.py          published weights in these networks
"""
