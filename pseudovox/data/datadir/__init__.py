"""Kaldi data dirs: reading with checks, changing as a whole, and writing whole or not at all.

A data dir is a folder of text tables, one record a line, `key value...`, sorted bytewise by key:

    wav.scp      <utterance> <audio file>       (or <recording> <audio file> when there is a `segments`)
    utt2spk      <utterance> <speaker>          spk2utt is derived from it
    text         <utterance> <WORD WORD ...>    spk2gender   <speaker> f|m
    segments     <utterance> <recording> <start> <end>       utt2dur  <utterance> <seconds>
    enrolls      <utterance>                    trials       <speaker> <utterance> target|nontarget
    phones.ctm   <utterance> 1 <start> <duration> <phone>    (times in seconds)

`tables` lists all that are known (docs/data_dirs.md explains them); others are kept as they are. Paths in wav.scp are
relative to the working directory, as in Kaldi, or absolute.
"""

from pseudovox.core.files import read_lines, read_table, scp_path, write_atomic, write_json
from pseudovox.core.ids import MAX_ID_BYTES, bytewise, check_id
from pseudovox.data.datadir.directory import DataDir, Phone, Trial
from pseudovox.data.datadir.origin import Origin

__all__ = [
    "MAX_ID_BYTES",
    "DataDir",
    "Origin",
    "Phone",
    "Trial",
    "bytewise",
    "check_id",
    "read_lines",
    "read_table",
    "scp_path",
    "write_atomic",
    "write_json",
]
