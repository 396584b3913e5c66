"""kNN voice conversion (Baas et al. 2023): features of speech, replaced by the nearest ones of a target speaker.

options.py    the keys of section `system.options`
features.py   what is matched: layers of WavLM, of Whisper's encoder or of the content extractor
matching.py   the nearest frames of a target, exact, in bounded memory
"""
