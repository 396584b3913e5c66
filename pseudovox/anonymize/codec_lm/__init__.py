"""The codec language model as an anonymizer (B4 of the VoicePrivacy Challenge 2024): see docs/systems/codec_lm.md.

options.py      keys of system.options
semantic.py     speech to semantic units
codecs.py       speech to codes and back
prompts.py      pseudo-speakers: units and codes of public speakers
generation.py   units to codes
worker.py       all of it, for utterances
"""
