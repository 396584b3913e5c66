"""What a step is written against: its arguments and exit codes, its output, and the work over utterances.

stage.parser, stage.main, stage.load_data, stage.load_made   frame.py
stage.own_options                                            frame.py
stage.output                                                 outputs.py
stage.map_utterances, stage.Utterance                        parallel.py
stage.compute, stage.resolve_device                          frame.py, device.py
"""

from pseudovox.stage.device import resolve_device
from pseudovox.stage.frame import channel, compute, load_data, load_made, log, main, own_options, parser
from pseudovox.stage.locks import lock
from pseudovox.stage.outputs import CHECKPOINTS, Output, output
from pseudovox.stage.parallel import Utterance, map_utterances
from pseudovox.stage.versions import commit, versions

__all__ = [
    "CHECKPOINTS", "Output", "Utterance", "channel", "commit", "compute", "load_data", "load_made", "lock", "log",
    "main", "map_utterances", "output", "own_options", "parser", "resolve_device", "versions",
]  # fmt: skip
