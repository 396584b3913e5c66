"""Configuration: dataclass schemas of every section, and how the layers are merged.

    conf/default.yaml < named blocks (conf/<block>/<name>.yaml) < the recipe's base < recipes/<name>/recipe.yaml
        < <size>.yaml (conf/size, the base's size/, the recipe's size/) < <system>.yaml < --set key=value

where a system is recipes/<name>/system/<system>.yaml, or that of the recipe's base, or else conf/system/<system>.yaml.

The schema is schema.py; an unknown key is an error that offers the nearest valid one. A step's settings are one
section, and the digest that decides whether it must run again covers that section alone. A value is what is written:
no tags, no aliases, no interpolation, nothing of the environment (strict_yaml.py, validation.py).
"""

from pseudovox.config.checks import check_name, check_script
from pseudovox.config.layers import block_file, compose, load, merge, section_dict, systems_of, to_yaml
from pseudovox.config.schema import (
    ATTACKER_TRAININGS,
    F0,
    STEPS,
    STEPS_OF_SYSTEMS,
    UNPROCESSED,
    Alteration,
    Config,
    ContentExtractor,
    Decoder,
    Emotion,
    F0Transforms,
    Judges,
    Levels,
    McAdams,
    Pitch,
    PseudoSpeakers,
    Publish,
    Recognizer,
    Scoring,
    SpeakerFeatures,
    SpeakerModel,
    Speed,
    Synthesis,
    Synthesizer,
    System,
    TargetClassifier,
    Training,
)

__all__ = [
    "ATTACKER_TRAININGS",
    "F0",
    "STEPS",
    "STEPS_OF_SYSTEMS",
    "UNPROCESSED",
    "Alteration",
    "Config",
    "ContentExtractor",
    "Decoder",
    "Emotion",
    "F0Transforms",
    "Judges",
    "Levels",
    "McAdams",
    "Pitch",
    "PseudoSpeakers",
    "Publish",
    "Recognizer",
    "Scoring",
    "SpeakerFeatures",
    "SpeakerModel",
    "Speed",
    "Synthesis",
    "Synthesizer",
    "System",
    "TargetClassifier",
    "Training",
    "block_file",
    "check_name",
    "check_script",
    "compose",
    "load",
    "merge",
    "section_dict",
    "systems_of",
    "to_yaml",
]
