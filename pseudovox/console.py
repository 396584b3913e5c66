"""Anonymize a recording, or a folder of them: the words stay, the voice is replaced.

A folder comes out as it went in: the same folders, names, formats, rates and lengths, mono, without tags. Its first
level of folders is the speakers; a file at the top is a speaker of its own. A recording alone is its file's own
speaker. The same speaker id and seed give the same voice. Silence stays silent.

Reads   a recording that libsndfile reads (wav, flac, ogg, mp3 ...), or a folder of such.
Writes  the same, anonymized. The format is that of the name OUT.

Exit codes: 0 done, 2 usage, 3 bad data, 4 missing model, 5 some recordings of a folder failed (each is named).

Examples
    pseudovox in.wav out.wav
    pseudovox --system mcadams --seed 7 interviews anonymized
    pseudovox --pack exp/mini/models --gender f in.wav out.flac
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox.config.packs import DEFAULT
from pseudovox.core import command
from pseudovox.core.errors import DataError, MissingModelError, PseudovoxError, SomeUtterancesFailed

if TYPE_CHECKING:
    from pseudovox.anonymizer import Anonymizer
    from pseudovox.corpora import Recording
    from pseudovox.release import Form


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.prog = "pseudovox"
    parser.add_argument("source", type=Path, metavar="IN", help="a recording, or a folder of them")
    parser.add_argument("target", type=Path, metavar="OUT", help="what is written; it must not be there")
    parser.add_argument("--system", default="pca_gmm", help="pca_gmm, mcadams (no models), resynthesis (control) ...")
    parser.add_argument(
        "--speaker", default="", metavar="ID", help="who speaks in all recordings (the files' names say)"
    )
    parser.add_argument("--gender", default="", choices=("f", "m"), help="of all speakers (told from the voices)")
    parser.add_argument("--seed", type=int, default=1, help="of the voices that are drawn (1)")
    parser.add_argument("--pack", default=DEFAULT, help=f"models: a name in pretrained/, or a folder ({DEFAULT})")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<n> (auto: CUDA where it works)")
    parser.add_argument("--channel", default="0", metavar="N", help="of recordings with several: 0, 1, ... or mean (0)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one key of the configuration")
    parser.add_argument("--force", action="store_true", help="replace recordings that are there")
    return command.main(parser, argv, run)


def run(args: argparse.Namespace) -> None:
    from pseudovox.anonymizer import Anonymizer
    from pseudovox.core.errors import UsageError

    if args.channel != "mean" and not args.channel.isdecimal():
        raise UsageError(f"--channel {args.channel!r}: expected 0, 1, ... or mean")
    args.channel = args.channel if args.channel == "mean" else int(args.channel)
    jobs = _folder(args) if args.source.is_dir() else _file(args)
    anonymizer = Anonymizer.load(
        args.system, pack=args.pack, device=args.device, seed=args.seed, overrides=args.set
    )  # after the jobs, which are checked in less time
    failed = []
    for speaker, recordings in jobs.items():
        failed += list(_anonymize(anonymizer, args, speaker, recordings))
    if failed and not args.source.is_dir():
        raise failed[0]
    for error in failed:
        print(f"pseudovox: {error}", file=sys.stderr)
    if failed:
        raise SomeUtterancesFailed(f"{len(failed)} recordings failed; the others are in {args.target}")


def _file(args: argparse.Namespace) -> dict[str, list[tuple[Recording, Path]]]:
    from pseudovox.corpora import Recording
    from pseudovox.corpora.folder import safe_name

    if not args.source.exists():
        raise MissingModelError(f"{args.source}: no such file or folder")
    if args.target.is_dir():
        raise DataError(f"{args.target}: is a folder", f"name a file, e.g. {args.target / args.source.name}")
    own = safe_name(args.source.stem) or "speaker"
    recording = Recording(own, args.speaker or own, args.source)
    _check_free(args, args.target)
    _form(args.source, args.target)  # says now if its name is no format's
    return {recording.speaker: [(recording, args.target)]}


def _folder(args: argparse.Namespace) -> dict[str, list[tuple[Recording, Path]]]:
    """The recordings of a folder by speaker, and where each goes."""
    from pseudovox.corpora.folder import read_folder

    source, target = args.source.resolve(), args.target.resolve()
    if source in (target, *target.parents) or target in source.parents:
        raise DataError(f"{args.target}: lies in {args.source}, or this in it", "give a folder of its own")
    found: dict[str, list[tuple[Recording, Path]]] = {}
    for recording in read_folder(args.source, with_text=False):
        place = args.target / recording.tables["utt2path"]
        _check_free(args, place)
        recording = replace(recording, speaker=args.speaker or recording.speaker)
        found.setdefault(recording.speaker, []).append((recording, place))
    return found


def _check_free(args: argparse.Namespace, place: Path) -> None:
    if place.exists() and (not args.force or place.samefile(args.source)):
        hint = "give another name" if place.samefile(args.source) else "--force replaces it"
        raise DataError(f"{place}: is there already", hint)


def _anonymize(
    anonymizer: Anonymizer, args: argparse.Namespace, speaker: str, recordings: list[tuple[Recording, Path]]
) -> Iterator[PseudovoxError]:
    """Write a speaker's recordings; gives what went wrong with some."""
    from pseudovox.anonymizer import check_length
    from pseudovox.data import audio

    read = {}
    for recording, _ in recordings:
        try:
            samples = audio.load_file(recording.audio, channel=args.channel)
            check_length(samples, str(recording.audio))
            read[recording.utterance] = samples
        except PseudovoxError as error:
            yield error
    if not read:
        return
    made = anonymizer.anonymize_speaker(read, speaker, gender=args.gender)
    for recording, place in recordings:
        if recording.utterance in made:
            try:
                _write(recording.audio, place, made[recording.utterance])
            except DataError as error:
                yield error


def _form(original: Path, place: Path) -> Form:
    from pseudovox import release
    from pseudovox.data import audio

    form = release.form_of_file(original, lambda: audio.decoded_duration(original))
    if place.suffix.lower() == original.suffix.lower():
        return form
    return replace(release.form_named(place.suffix[1:], "the name OUT"), rate=form.rate, frames=form.frames)


def _write(original: Path, place: Path, samples: object) -> None:
    """A recording as the original is: its rate and length, and, where the name ends as its name does, its format."""
    import numpy as np
    import soundfile

    from pseudovox import release
    from pseudovox.data import audio

    form = _form(original, place)
    place.parent.mkdir(parents=True, exist_ok=True)
    rounded = audio.pcm(np.asarray(samples)) / np.float32(32768)  # as the data dir of recipes/own has them
    try:
        release.encode([rounded], form, place)
    except (soundfile.SoundFileError, ValueError) as error:
        raise DataError(f"{place}: cannot be written as {form.container} at {form.rate} Hz: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
