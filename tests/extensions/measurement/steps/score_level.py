"""How much louder a system makes speech, in decibels, on average over utterances (stage utility).

Example
    score_level.py --system pca_gmm data/mini/test_trials_f exp/mini/pca_gmm/level
"""

from __future__ import annotations

import argparse
import sys

from pseudovox import stage
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="original data dirs")
    parser.add_argument("--system", required=True)
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args)
    made = stage.load_made(args, data)
    with stage.output(args, args.out_dir, settings={"system": args.system}, inputs=[*data, *made.values()]) as out:
        if out is None:
            return
        import numpy as np

        from pseudovox.data.audio import load
        from pseudovox.records import Record, write_records

        records = []
        for part in data:
            pairs = [(load(part, name), load(made[part.path], name)) for name in part.utterances]
            gains = [10 * np.log10(np.mean(after**2) / np.mean(before**2)) for before, after in pairs]
            level = config.levels.of(part.name)
            facts = {"system": args.system, "set": part.origin.set, "level": level, "n": len(gains)}
            records.append(Record("level_gain", float(np.mean(gains)), "dB", **facts))
        write_records(out.path / "results.json", records)


if __name__ == "__main__":
    sys.exit(main())
