"""The data sets of the VoicePrivacy Challenges: enrolment and trials, by the official lists or by the published rules.

`counts` holds what was published and compares; `lists` reads the organisers' lists; `draw` makes lists where there are
none; `sets` turns either into data dirs under the challenges' names.
"""
