"""Anonymization by FACodec: an utterance's codes are spoken with another timbre.

options.py: what can be set; speech.py: an utterance to its factors, and factors to speech; worker.py: data dirs.
"""
