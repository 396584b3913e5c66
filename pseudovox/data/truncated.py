"""Is all of an audio file there that its header promises? libsndfile corrects many headers without a word.

    WAV AIFF AU W64 RF64   the chunk of samples is longer than the file (libsndfile's log says so)
    OGG                    the last page does not end the stream
    MP3                    fewer frames than the Xing/Info header counts; or no such header and a variable bit rate,
                           where libsndfile guesses a length and stops there

FLAC and CAF need nothing here: libsndfile fails on them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

# Headers written before the length was known (to a pipe): sox, ffmpeg and others.
_STREAMED = 0x7FFFF000
_PROMISE = re.compile(r"^ *(?:data|SSND|  Data Size|riff|  Riff size) *: (\d+) \(should be (\d+)\)$", re.MULTILINE)
_PROMISE_RF64 = re.compile(r"Calculated frame count (\d+) does not match value from 'ds64' chunk of (\d+)")
_OGG_PAGE = 65307  # bytes, at most
_BIT_RATES = {  # kbit/s of layer III, by MPEG 1 or not; index 0: free format
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44100, 48000, 32000)  # Hz of MPEG 1; half and a quarter in MPEG 2 and 2.5


def fault(kind: str, log: str, frames: int, file: BinaryIO) -> str:
    """What is wrong with the length of an audio file; empty if nothing is.

    Args:
        kind: libsndfile's name of the format, e.g. "WAV".
        log: its log of opening the file.
        frames: samples per channel that it found.
        file: the file, open for reading bytes; its position is moved.
    """
    if kind == "OGG":
        return _ogg_fault(file)
    if kind == "MP3":
        return _mp3_fault(frames, file)
    for found, promised in [(int(b), int(a)) for a, b in _PROMISE.findall(log)]:
        if found < promised < _STREAMED:
            return f"is cut off: {found} of {promised} bytes"
    for found, promised in [(int(a), int(b)) for a, b in _PROMISE_RF64.findall(log)]:
        if found < promised:
            return f"is cut off: {found} of {promised} samples"
    return ""


def _ogg_fault(file: BinaryIO) -> str:
    length = file.seek(0, 2)
    file.seek(max(length - _OGG_PAGE, 0))
    tail = file.read()
    page = tail.rfind(b"OggS")
    header = tail[page : page + 27]
    if page < 0 or len(header) < 27:
        return "is cut off: no whole page at its end"
    lengths = tail[page + 27 : page + 27 + header[26]]
    if len(lengths) < header[26] or page + 27 + header[26] + sum(lengths) > len(tail):
        return "is cut off in its last page"
    return "" if header[5] & 4 else "is cut off: its last page does not end the stream"


@dataclass(frozen=True)
class _Frame:
    """An MPEG layer III frame: bytes, samples per channel, and bytes of side information."""

    length: int
    samples: int
    side: int


def _mp3_fault(frames: int, file: BinaryIO) -> str:
    first, count, samples = None, 0, 0
    for start, frame in _mp3_frames(file):
        first = first or (start, frame)
        count, samples = count + 1, samples + frame.samples
    if first is None:
        return ""  # not layer III: nothing is known
    start, frame = first
    file.seek(start + 4 + frame.side)
    tag = file.read(12)
    if tag[:4] in (b"Xing", b"Info"):
        promised = int.from_bytes(tag[8:12], "big") if tag[7] & 1 else 0
        # The count is of the frames behind the one that holds it.
        return f"is cut off: {count - 1} of {promised} frames" if count - 1 < promised else ""
    if frames < samples - 2 * frame.samples:
        return f"has a variable bit rate and no header that says its length: {frames} of {samples} samples can be read"
    return ""


def _mp3_frames(file: BinaryIO) -> list[tuple[int, _Frame]]:
    """(start, frame) of the whole frames of a file, what lies between them left out."""
    file.seek(0)
    content = file.read()
    found = []
    place = 0
    while content[place : place + 3] == b"ID3":
        size = content[place + 6 : place + 10]
        place += 10 + sum(byte << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=False))
    while (place := content.find(b"\xff", place)) >= 0:
        frame = _mp3_frame(content[place : place + 4])
        if frame is None or place + frame.length > len(content):
            place += 1
        else:
            found.append((place, frame))
            place += frame.length
    return found


def _mp3_frame(header: bytes) -> _Frame | None:
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:  # sync, and layer III
        return None
    version, rate, bits = header[1] >> 3 & 3, header[2] >> 2 & 3, header[2] >> 4
    if version == 1 or rate == 3 or bits in (0, 15):
        return None
    first = version == 3  # MPEG 1; 2: MPEG 2; 0: MPEG 2.5
    hertz = _RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    samples = 1152 if first else 576
    mono = header[3] >> 6 == 3
    length = samples // 8 * 1000 * _BIT_RATES[first][bits] // hertz + (header[2] >> 1 & 1)
    side = (17 if mono else 32) if first else (9 if mono else 17)
    return _Frame(length, samples, side)
