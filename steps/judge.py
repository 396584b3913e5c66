#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Let independent judges, models that nobody trained here, judge a system (stage utility).

resemblyzer    compares voices: EER of the trials, original with original (OO), original with anonymized (OA) and
               anonymized with anonymized (AA)
pocketsphinx   writes down words: WER, texts normalised as "words" (upper case, no punctuation)
whisper        writes down words: WER, texts normalised by Whisper's own normaliser; one or more models (judges.whisper)
dnsmos         rates naturalness: mean opinion scores of the speech (SIG), the background (BAK) and the whole (OVRL)
distillmos     rates naturalness: mean opinion score (MOS)
nisqa          rates quality: mean opinion score (MOS), noisiness, discontinuity, coloration, loudness

squim_objective   guesses what intrusive measures would say: STOI, PESQ, SI-SDR
squim_subjective  rates naturalness (MOS) by comparison with a clean recording of anything, `judges.reference`

All but squim come with `utils/install.sh judges`; NISQA and those of torchaudio need weights besides, which
local/download.py fetches (NISQA, SQUIM_OBJECTIVE, SQUIM_SUBJECTIVE), but no judge. Whisper's are
fetched by its package where there is a network, once and not if HF_HUB_OFFLINE=1; `--set judges.whisper=FOLDER` takes a
model in CTranslate2's format. A judge that is not there is recorded as not run. The section `judges` of the
configuration switches them, and limits how many utterances of a data dir the slow ones hear, all but resemblyzer.

Of clean read English (LibriSpeech test-other) Whisper's base model gets about 10 % of the words wrong, pocketsphinx
59 %: its rate is for comparing systems, with the original's beside it, not for what people understand.

Reads   original data dirs: some with `enrolls`, some with `trials`, or others; and with --system, beside each the one
        that the system made of it, <data dir>_<system>.
Writes  <out-dir>/<judge>/<data dir>/judgement.scp and arks (what it said of each utterance; of the original once, for
        all systems), <out-dir>/summary/<system, or original>/results.json, and beside it averages/<judge>/all.txt,
        gender.txt, target.txt ...: means over utterances by attribute, as SpAnE's users know them
        (docs/interoperability.md).

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

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import DataError
from pseudovox.data.datadir import DataDir
from pseudovox.evaluation import judges
from pseudovox.records import ORIGINAL

if TYPE_CHECKING:
    from pseudovox.evaluation.judges import JudgeWorker

log = logging.getLogger("pseudovox")


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="original data dirs")
    parser.add_argument("--system", default=ORIGINAL, help="the system, and the end of its data dirs' names")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args)
    made = {} if args.system == ORIGINAL else stage.load_made(args, data)
    device = args.device
    asked = judges.asked(config.judges)
    for judge in asked:
        judges.fetch(judge)
        absent = judges.missing(judge)
        if absent:
            log.warning("%s: not run: no %s here; needs %s", judge.name, ", ".join(absent), judges.hint(judge))
            continue
        # All but one are small, and their results should not depend on the machine.
        args.device = device if judge.kind.gpu else "cpu"
        stage.map_utterances(
            args,
            _heard([*data, *made.values()], judge, config),
            args.out_dir / judge.name,
            settings=judges.settings(judge),
            worker=functools.partial(_worker, judge),
            inputs=lambda _, judge=judge: [judge.reference] if judge.kind.reference else [],  # type: ignore[misc]
            arrays=("judgement",),
        )
    _summarise(args, config, asked, data, {}, ORIGINAL)
    if made:
        _summarise(args, config, asked, data, made, args.system)


def _worker(judge: judges.Asked) -> Callable[..., JudgeWorker]:
    if judge.kind.reference and not Path(judge.reference).is_file():
        raise DataError(f"judges.reference: {judge.reference}: no such file", "give a recording of clean speech")
    return functools.partial(judges.JudgeWorker, judge)


def _heard(data: list[DataDir], judge: judges.Asked, config: Config) -> list[DataDir]:
    return [part for part in (judges.heard(part, judge, config.judges.utterances) for part in data) if part is not None]


def _summarise(
    args: argparse.Namespace,
    config: Config,
    asked: list[judges.Asked],
    data: list[DataDir],
    made: dict[Path, DataDir],
    system: str,
) -> None:
    """Write the figures of a system (or of the original, where `made` is empty)."""
    now = judges.installed(asked)
    rounds = [config.scoring.interval_rounds, config.wer.interval_rounds]
    settings = [config.judges, {"interval_rounds": rounds, "system": system}]
    # What the judges said follows from the same data dirs and settings, and is not there where one is not installed.
    with stage.output(
        args, args.out_dir / "summary" / system, settings=settings, inputs=[*data, *made.values()], torch_device=False,
        repair=lambda folder: judges.is_current(folder, now),
    ) as out:  # fmt: skip
        if out is None:
            return
        from pseudovox.evaluation import attributes, judgements
        from pseudovox.records import write_records

        records = []
        for judge in asked:
            root = args.out_dir / judge.name
            parts = _heard([made.get(part.path, part) for part in data], judge, config)
            if now[judge.name] is None:
                records += judgements.not_run_records(parts, judge, system, config)
            elif judge.family == "resemblyzer":
                records += judgements.speaker_records(data, made, root, out.path, system, config, args.seed)
            elif judge.family in judgements.TRANSCRIBERS:
                records += judgements.word_records(parts, judge, root, out.path, system, config, args.seed)
            else:
                records += judgements.opinion_records(parts, judge.name, root, system, config, args.seed)
            if now[judge.name] is not None and judge.family != "resemblyzer":
                found = attributes.averages(parts, judgements.measured(parts, judge, root), config.scoring.by)
                attributes.write(out.path / "averages" / judge.name, found)
        write_records(out.path / "results.json", judgements.with_versions(records, now))
        judges.write_installed(out.path, now)
        out.counts["data_dirs"] = len(data)


if __name__ == "__main__":
    sys.exit(main())
