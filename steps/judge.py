#!/usr/bin/env python3
"""Let independent judges, models that nobody trained here, judge a system (stage utility).

resemblyzer    compares voices: EER of the trials, original with original (OO), original with anonymized (OA) and
               anonymized with anonymized (AA)
pocketsphinx   writes down words: WER, texts normalised as "words" (upper case, no punctuation)
dnsmos         rates naturalness: mean opinion scores of the speech (SIG), the background (BAK) and the whole (OVRL)

squim_objective   guesses what intrusive measures would say: STOI, PESQ, SI-SDR
squim_subjective  rates naturalness (MOS) by comparison with a clean recording of anything, `judges.reference`

The first three come with `utils/install.sh judges`; those of torchaudio need their weights in its cache. One that is
not there is recorded as not run. The section `judges` of the configuration switches them, and limits how many
utterances of a data dir the slow ones hear, all but resemblyzer.

pocketsphinx is a weak listener: of clean read English (40 utterances of LibriSpeech test-other) it gets 59 % of the
words wrong. Its rate is for comparing systems, with the original's beside it, not for what people understand.

Reads   original data dirs: some with `enrolls`, some with `trials`, or others; and with --system, beside each the one
        that the system made of it, <data dir>_<system>.
Writes  <out-dir>/<judge>/<data dir>/judgement.scp and arks (what it said of each utterance; of the original once, for
        all systems), and <out-dir>/summary/<system, or original>/results.json.

Example
    steps/judge.py --system pca_gmm data/mini/test_enrolls data/mini/test_trials_f exp/mini/judges
"""

from __future__ import annotations

import argparse
import functools
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox import judges, stage
from pseudovox.config import Config
from pseudovox.datadir import DataDir
from pseudovox.errors import DataError
from pseudovox.report.results import ORIGINAL

if TYPE_CHECKING:
    from pseudovox.judges import JudgeWorker

log = logging.getLogger("pseudovox")


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="original data dirs")
    parser.add_argument("--system", default=ORIGINAL, help="the system, and the end of its data dirs' names")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args)
    made = {} if args.system == ORIGINAL else stage.load_made(args, data)
    args.device = "cpu"  # the judges are small, and their results should not depend on the machine
    asked = [name for name in judges.JUDGES if getattr(config.judges, name)]
    reference = config.judges.reference
    for name in asked:
        absent = judges.missing(name, reference)
        if absent:
            log.warning("%s: not run: no %s here; needs %s", name, ", ".join(absent), judges.mend(name, reference))
            continue
        stage.map_utterances(
            args,
            _heard([*data, *made.values()], name, config),
            args.out_dir / name,
            settings={"judge": name, "version": judges.version(name)},
            worker=functools.partial(_worker, name, reference),
            inputs=lambda _, name=name: [reference] if judges.JUDGES[name].reference else [],  # type: ignore[misc]
            arrays=("judgement",),
        )
    _summarise(args, config, asked, data, {}, ORIGINAL)
    if made:
        _summarise(args, config, asked, data, made, args.system)


def _worker(name: str, reference: str) -> Callable[..., JudgeWorker]:
    if judges.JUDGES[name].reference and not Path(reference).is_file():
        raise DataError(f"judges.reference: {reference}: no such file", "give a recording of clean speech")
    return functools.partial(judges.JudgeWorker, name, reference)


def _heard(data: list[DataDir], name: str, config: Config) -> list[DataDir]:
    return [part for part in (judges.heard(part, name, config.judges.utterances) for part in data) if part is not None]


def _summarise(
    args: argparse.Namespace,
    config: Config,
    asked: list[str],
    data: list[DataDir],
    made: dict[Path, DataDir],
    system: str,
) -> None:
    """Write the figures of a system (or of the original, where `made` is empty)."""
    now = judges.installed(asked, config.judges.reference)
    rounds = [config.scoring.interval_rounds, config.wer.interval_rounds]
    settings = [config.judges, {"interval_rounds": rounds, "system": system}]
    # What the judges said follows from the same data dirs and settings, and is not there where one is not installed.
    with stage.output(
        args, args.out_dir / "summary" / system, settings=settings, inputs=[*data, *made.values()], torch_device=False,
        repair=lambda folder: judges.is_current(folder, now),
    ) as out:  # fmt: skip
        if out is None:
            return
        from pseudovox.report.results import write_records
        from pseudovox.scoring import judgements

        records = []
        for name, version in now.items():
            root = args.out_dir / name
            parts = _heard([made.get(part.path, part) for part in data], name, config)
            if version is None:
                records += judgements.not_run_records(parts, name, system, config)
            elif name == "resemblyzer":
                records += judgements.speaker_records(data, made, root, out.path, system, config, args.seed)
            elif name == "pocketsphinx":
                records += judgements.word_records(parts, root, out.path, system, config, args.seed)
            else:
                records += judgements.opinion_records(parts, name, root, system, config, args.seed)
        write_records(out.path / "results.json", judgements.with_versions(records, now))
        judges.write_installed(out.path, now)
        out.counts["data_dirs"] = len(data)


if __name__ == "__main__":
    sys.exit(main())
