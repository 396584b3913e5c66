#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Time and memory of the data-dir tools on a dir of a million utterances, beside the same work in awk and sort.

Makes the data dir (20,000 speakers; wav.scp utt2spk spk2utt text utt2dur spk2gender utt2num_frames) in a folder of its
own, runs every tool once, and prints wall time, peak memory and the ratio to Kaldi's own script (with KALDI_ROOT set)
or to awk/sort programs that do the core of the same work. A ratio below 1 means that ours takes less.
Wall times hold for an idle machine; on a busy one look at the CPU seconds.

Example: PYTHONPATH=. python benchmarks/data_dirs.py --utterances 1000000 --folder /tmp/data_dirs
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The core of each tool's work: order and keys of all tables; filtering; merging; dealing out.
SHELL = {
    "validate_data_dir": r"""
        awk '{print $1}' data/utt2spk > keys; sort -u keys | cmp - keys; sort -k2 data/utt2spk | cmp - data/utt2spk
        for t in wav.scp text utt2dur utt2num_frames; do
          awk '{print $1}' data/$t > other; sort -u other | cmp - other; cmp keys other
        done
        awk '{s[$2] = s[$2] " " $1} END {for (x in s) print x s[x]}' data/utt2spk | sort | cmp - data/spk2utt
        awk 'NF != 2 || !($2 > 0) {exit 1}' data/utt2dur""",
    "subset_data_dir": r"""
        head -n HALF data/utt2spk > some
        for t in utt2spk wav.scp text utt2dur utt2num_frames; do
          awk 'NR == FNR {k[$1]; next} $1 in k' some data/$t > out.$t
        done""",
    "combine_data": r"""
        for t in utt2spk wav.scp text utt2dur utt2num_frames; do sort -k1 half1/$t half2/$t > out.$t; done
        awk '{s[$2] = s[$2] " " $1} END {for (x in s) print x s[x]}' out.utt2spk | sort > out.spk2utt""",
    "split_data": r"""
        awk '{p = int(4 * (NR - 1) / UTTERANCES); print > ("part" p)}' data/utt2spk
        for p in 0 1 2 3; do for t in wav.scp text utt2dur utt2num_frames; do
          awk 'NR == FNR {k[$1]; next} $1 in k' part$p data/$t > out.$t.$p
        done; done""",
}  # fmt: skip


def make(folder: Path, utterances: int, speakers: int) -> None:
    """Write the data dir: utterances in order, each speaker as many, lines as long as LibriSpeech's."""
    folder.mkdir(parents=True)
    share = utterances // speakers
    names = [
        (f"s{number // share:06d}", f"s{number // share:06d}-{number % share:05d}") for number in range(utterances)
    ]
    lines = {
        "wav.scp": (f"{utt} corpora/librispeech/train/{spk}/{utt}.flac\n" for spk, utt in names),
        "utt2spk": (f"{utt} {spk}\n" for spk, utt in names),
        "text": (f"{utt} {'SOME WORDS OF A SENTENCE ' * (1 + n % 6)}END\n" for n, (_, utt) in enumerate(names)),
        "utt2dur": (f"{utt} {2 + n % 1500 / 100:.2f}\n" for n, (_, utt) in enumerate(names)),
        "utt2num_frames": (f"{utt} {200 + n % 1500}\n" for n, (_, utt) in enumerate(names)),
        "spk2gender": (f"{spk} {'fm'[n % 2]}\n" for n, spk in enumerate(dict(names))),
    }
    for name, content in lines.items():
        (folder / name).write_text("".join(content))
    with open(folder / "spk2utt", "w") as file:
        for start in range(0, utterances, share):
            file.write(f"{names[start][0]} {' '.join(utt for _, utt in names[start : start + share])}\n")


def measure(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float, float]:
    """(wall seconds, CPU seconds, peak GiB of the largest process) of a command; ends the benchmark if it fails."""
    # A child of its own, since the peak that the system keeps is that of all children so far.
    reader, writer = os.pipe()
    started = time.monotonic()
    child = os.fork()
    if not child:
        os.close(reader)
        done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        os.write(writer, f"{done.returncode} {used.ru_utime + used.ru_stime} {used.ru_maxrss / 2**20}".encode())
        os._exit(0)
    os.close(writer)
    code, cpu, peak = os.read(reader, 100).split()
    os.waitpid(child, 0)
    os.close(reader)
    if int(code):
        sys.exit(f"{' '.join(command)}: exit code {int(code)}")
    return time.monotonic() - started, float(cpu), float(peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=1_000_000)
    parser.add_argument("--speakers", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=args.folder, prefix="data_dirs."))
    make(folder / "data", args.utterances, args.speakers)
    half = str(args.utterances // 2)
    kaldi = os.environ.get("KALDI_ROOT")
    jobs = {
        "validate_data_dir": ["--no-feats", "data"],
        "subset_data_dir": ["--first", "data", half, "half1"],
        "combine_data": ["all", "half1", "half2"],
        "split_data": ["data", "4"],
    }
    print(f"{args.utterances} utterances, {args.speakers} speakers; load before: {os.getloadavg()[0]:.1f}")
    theirs = "Kaldi" if kaldi else "awk/sort"
    print(f"{'':18} {'wall s':>7} {'CPU s':>7} {'GiB':>5} {theirs + ' wall s':>16} {'CPU s':>7} {'ratio of CPU s':>15}")
    for name, arguments in jobs.items():
        program = [sys.executable, str(ROOT / "utils" / f"{name}.py")]
        wall, cpu, peak = measure([*program, *arguments], folder, {"PYTHONPATH": str(ROOT)})
        if name == "subset_data_dir":
            measure([*program, "--last", "data", half, "half2"], folder, {"PYTHONPATH": str(ROOT)})
        if kaldi:
            shutil.rmtree(folder / "data" / "split4", ignore_errors=True)
            script = f"cd {kaldi}/egs/wsj/s5 && utils/{name}.sh " + " ".join(
                str(folder / word) if (folder / word).exists() or word == "all" else word for word in arguments
            )
        else:
            script = SHELL[name].replace("HALF", half).replace("UTTERANCES", str(args.utterances))
        their_wall, their_cpu, _ = measure(["bash", "-ec", f"export LC_ALL=C\n{script}"], folder, {})
        ratio = cpu / their_cpu
        print(
            f"{name:18} {wall:7.1f} {cpu:7.1f} {peak:5.2f} {their_wall:16.1f} {their_cpu:7.1f} {ratio:15.2f}",
            flush=True,
        )
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
