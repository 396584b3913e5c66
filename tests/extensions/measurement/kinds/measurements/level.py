"""How much louder a system makes speech: steps/score_level.py of this recipe."""

from pseudovox.kinds.measurements import Figure, Measurement

STEP = "recipes/extended/steps/score_level.py"
MEASUREMENT = Measurement(
    "spoken",
    "EXP/SYSTEM/level",
    {"level_gain": Figure("level, dB", 1, better="zero", page="level dB", meaning="Gain of level: 0 = as loud.")},
)
