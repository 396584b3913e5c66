"""Speech to text to speech: phones and prosody of speech, spoken in another voice (baseline B3 of the VPC 2024).

options.py       the keys of section `system.options`
symbols.py       phones as codes, and how they are articulated
recognition.py   which phones are spoken when
prosody.py       durations, F0 and energy of phones
transforms.py    factors of these
speaking.py      speech from phones, prosody and a voice
workers.py       the same by utterance, for the steps
"""
