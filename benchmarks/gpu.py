#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""The parts of benchmarks/gpu.sh: what systems and trainings cost on a GPU, end to end.

    python benchmarks/gpu.py speech OUT               # speech-like recordings, made on the spot: no corpus is needed
    python benchmarks/gpu.py systems OUT              # every system, step by step, with the models of pretrained/
    python benchmarks/gpu.py profile OUT              # the three slowest steps under PyTorch's profiler
    python benchmarks/gpu.py table OUT                # OUT/gpu.json and OUT/gpu.md from what is there

Systems run as their steps do (readers, batches, writers, files), all in one process, so that importing is not counted;
loading models is. A vocoder that the pack has not is one of its published size with random weights, which takes the
same time. `--device cpu --size tiny` tries it all in a minute. Each part writes what it has as it goes, so a part whose
time is up has told of what it did.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import platform
import runpy
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PACK = ROOT / "pretrained/openspeech"
SIZES = {"full": (16, 24, 4.0, 16.0), "tiny": (2, 2, 1.0, 2.0)}  # speakers, utterances of each, seconds from and to
VOCODERS = {"full": ("harmonic_noise", "hifigan_vpc", "nsf_hifigan_vpc"), "tiny": ("harmonic_noise", "hifigan_mini")}
SLOWEST = 3  # steps that are profiled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("out", type=Path, help="folder of the results")
    parser.add_argument("--work", type=Path, help="folder of everything else (OUT/work)")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", default="full", choices=list(SIZES))
    parser.add_argument("--seconds", type=float, default=180.0, help="no step is begun after so long (180)")
    args = parser.parse_args()
    args.work = args.work or args.out / "work"
    for folder in (args.out, args.work):
        folder.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    args.ends = time.monotonic() + args.seconds
    PARTS[args.part](args)


# ---------------------------------------------------------------------- speech
def speech(args: argparse.Namespace) -> None:
    """A data dir of recordings that are like speech in what takes time: syllables with pitch and formants, pauses."""
    import numpy as np
    from scipy.signal import lfilter

    from pseudovox.data.audio import write_wav
    from pseudovox.data.datadir import DataDir

    speakers, utterances, shortest, longest = SIZES[args.size]
    folder = args.work / "wav"
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(1)
    tables: dict[str, dict[str, str]] = {name: {} for name in ("wav.scp", "utt2spk", "utt2dur", "spk2gender")}
    for number in range(speakers):
        speaker, pitch = f"s{number:02d}", (190.0 if number % 2 else 110.0) * draw.uniform(0.9, 1.1)
        tables["spk2gender"][speaker] = "mf"[number % 2]
        for place in range(utterances):
            length = int(16000 * draw.uniform(shortest, longest))
            times = np.arange(length) / 16000
            f0 = pitch * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * times + draw.uniform(0, 6)))
            loud = np.clip(np.sin(2 * np.pi * 2.1 * times + draw.uniform(0, 6)), 0, 1) ** 0.5
            pulses = (np.diff(np.floor(np.cumsum(f0 / 16000)), prepend=0) > 0).astype(float)
            sound = 3 * pulses * (loud > 0.2) + 0.02 * draw.standard_normal(length)
            for formant, width in ((500, 80), (1500, 120), (2500, 160)):
                radius, angle = np.exp(-np.pi * width / 16000), 2 * np.pi * formant * draw.uniform(0.8, 1.2) / 16000
                sound = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], sound)
            sound = sound * loud + 1e-3 * draw.standard_normal(length)
            name = f"{speaker}-{place:03d}"
            write_wav(folder / f"{name}.wav", 0.3 * sound / np.abs(sound).max())
            tables["wav.scp"][name], tables["utt2spk"][name] = str((folder / f"{name}.wav").absolute()), speaker
            tables["utt2dur"][name] = f"{length / 16000:.4f}"
    data = DataDir(args.work / "data/made", tables)
    data.write()
    seconds = sum(float(value) for value in tables["utt2dur"].values())
    print(f"{len(tables['wav.scp'])} recordings, {seconds:.0f} s")


# ---------------------------------------------------------------------- systems
class Steps:
    """Runs steps in this process and notes what they take.

    Args:
        args: of the program.
        system: whose they are, for the notes.
        rows: that the notes go to.
    """

    def __init__(self, args: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
        from pseudovox.data.datadir import DataDir

        self.args, self.rows = args, rows
        data = DataDir.load(args.work / "data/made")
        self.seconds = sum(data.duration(utterance) for utterance in data.utterances)
        self.commands: dict[str, list[str]] = {}

    def run(self, system: str, step: str, *arguments: object, config: Path, nj: int = 0) -> None:
        """A step of a system; TimeoutError if the part's time is up, RuntimeError if it fails."""
        if time.monotonic() > self.args.ends:
            raise TimeoutError(f"no time for {step}")
        shared = ["--config", config, "--device", self.args.device, "--nj", nj, "--force"]
        argv = [str(word) for word in (*shared, *arguments)]
        with measured(self.args.device) as found:
            code = _step(step, argv)
        if code:
            raise RuntimeError(f"{step} ended with code {code}")
        row = {
            "system": system, "step": step, "seconds": round(found["seconds"], 3),
            "times_real_time": round(self.seconds / found["seconds"], 1), "gpu_mib": found["gpu_mib"],
        }  # fmt: skip
        self.rows.append(row)
        self.commands[f"{system}/{step}"] = argv
        print(
            f"  {system:24} {step:24} {row['seconds']:8.2f} s {row['times_real_time']:8.0f} times real time", flush=True
        )
        write(
            self.args, "systems", {"speech_seconds": round(self.seconds, 1), "rows": self.rows, "argv": self.commands}
        )


def _step(step: str, argv: list[str]) -> int:
    sys.argv = [f"steps/{step}.py"]
    return int(runpy.run_path(str(ROOT / "steps" / f"{step}.py"))["main"](argv))


@contextlib.contextmanager
def measured(device: str) -> Iterator[dict[str, Any]]:
    """Seconds, and the peak of the GPU's memory in MiB (None on a CPU), of what is done meanwhile."""
    found: dict[str, Any] = {"gpu_mib": None}
    cuda = device.startswith("cuda")
    if cuda:
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    yield found
    if cuda:
        torch.cuda.synchronize()
        found["gpu_mib"] = round(torch.cuda.max_memory_allocated() / 2**20)
    found["seconds"] = time.perf_counter() - started


def systems(args: argparse.Namespace) -> None:
    """All systems, one step after the other; what fails or has no time left is noted as such."""
    from pseudovox import config as configuration
    from pseudovox.config import packs

    rows: list[dict[str, Any]] = []
    steps, data, out = Steps(args, rows), args.work / "data/made", args.work / "out"
    left_out: dict[str, str] = {}

    def config_of(system: str, *overrides: str) -> Path:
        """The configuration of a system with the pack's models; packs.config_of knows those of one family alone."""
        own = configuration.block_file("system", system)
        family = configuration.merge([own]).system.base
        below = [configuration.block_file("family", family)] if family else []
        config = configuration.merge([ROOT / "conf/default.yaml", PACK / packs.CONFIG, *below, own], overrides)
        config.system.name = system
        path: Path = args.work / f"{system}.yaml"
        path.write_text(configuration.to_yaml(config))
        return path

    def attempt(name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # the rest is to be measured nevertheless
            left_out[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            print(f"  {name}: {left_out[name]}", flush=True)
            write(args, "systems_left_out", left_out)

    def mcadams() -> None:
        config = config_of("mcadams")
        steps.run("mcadams", "anonymize_mcadams", "--suffix", "mcadams", data, out / "data", config=config)

    def family() -> None:
        config = config_of("pca_gmm")
        models = {name: PACK / name for name in ("xvector", "bottleneck", "synthesizer")}
        name = "pca_gmm (WORLD)"
        steps.run(name, "extract_xvectors", "--model", models["xvector"], data, out / "xvectors", config=config)
        steps.run(
            name, "sample_pseudo_speakers", "--generator", PACK / "pseudo/pca_gmm", "--xvectors", out / "xvectors",
            data, out / "pseudo", config=config,
        )  # fmt: skip
        steps.run(name, "extract_f0", data, out / "f0", config=config)
        steps.run(
            name, "transform_f0", "--f0", out / "f0", "--pseudo", out / "pseudo", data, out / "moved", config=config
        )
        steps.run(name, "extract_bottleneck", "--model", models["bottleneck"], data, out / "bottleneck", config=config)
        given = ("--bottleneck", out / "bottleneck", "--f0", out / "moved", "--xvectors", out / "pseudo")
        steps.run(
            name, "synthesize_speech", "--model", models["synthesizer"], *given, "--suffix", "world", data,
            out / "data", config=config,
        )  # fmt: skip
        for block in VOCODERS[args.size]:

            def speak(block: str = block) -> None:
                model = vocoder_of(args, block)
                steps.run(
                    f"pca_gmm ({block})", "synthesize_speech", "--model", model, *given, "--suffix", block, data,
                    out / "data", config=config,
                )  # fmt: skip

            attempt(f"pca_gmm ({block})", speak)

    def neighbours(name: str, spoken: str) -> None:
        config = config_of(
            "knnvc", "system.options.features.kind=bottleneck", "system.options.features.layer=4",
            f"system.options.spoken={spoken}", "system.options.targets.shortest=1",
        )  # fmt: skip
        model = PACK / "bottleneck"
        targets, pseudo = out / name / "targets", out / name / "pseudo"
        steps.run(name, "fit_knnvc_targets", "--bottleneck", model, data, targets, config=config)
        steps.run(name, "sample_knnvc_targets", "--targets", targets, data, pseudo, config=config)
        given: list[object] = ["--bottleneck", model, "--targets", targets, "--pseudo", pseudo, "--suffix", spoken]
        if spoken == "world":
            moved = out / name / "f0"
            steps.run(name, "transform_f0", "--f0", out / "f0", "--pseudo", pseudo, data, moved, config=config)
            given += ["--f0", moved, "--source-f0", out / "f0"]
        else:
            given += ["--vocoder", feature_vocoder(args)]
        steps.run(name, "convert_knnvc", *given, data, out / "data", config=config)

    attempt("mcadams", mcadams)
    attempt("pca_gmm", family)
    attempt("knnvc (vocoder)", lambda: neighbours("knnvc (vocoder)", "vocoder"))
    attempt("knnvc (WORLD)", lambda: neighbours("knnvc (WORLD)", "world"))
    left_out["asrbn, WavLM features"] = "not run: their front ends are weights of others, more than may be carried"
    write(args, "systems_left_out", left_out)


def vocoder_of(args: argparse.Namespace, block: str) -> Path:
    """A vocoder of the sizes of a block of conf/synthesizer for the pack's content and x-vectors, weights random."""
    import torch

    from pseudovox import config as configuration
    from pseudovox.models import store
    from pseudovox.training import vocoder

    cards = [
        json.loads((PACK / name / "model.json").read_text())["hyperparameters"] for name in ("bottleneck", "xvector")
    ]
    dimension, stride, voice = cards[0]["dimension"], cards[0]["stride"], cards[1]["embedding"]
    blocks = [ROOT / "conf/default.yaml", configuration.block_file("synthesizer", block)]
    torch.manual_seed(1)
    options: Any = configuration.merge(blocks).synthesizer
    _, kind, hyperparameters = vocoder.build(options, dimension, stride, voice)
    facts = {"bottleneck": dimension, "xvector": voice, "stride": stride}
    folder: Path = args.work / "models" / block
    store.save(folder, store.build(kind, hyperparameters), kind=kind, hyperparameters=hyperparameters, facts=facts)
    return folder


def feature_vocoder(args: argparse.Namespace) -> Path:
    """kNN-VC's vocoder in its published size for the pack's fourth layer, weights random."""
    import torch

    from pseudovox.models import feature_hifigan, store

    dimension = json.loads((PACK / "bottleneck/model.json").read_text())["hyperparameters"]["channels"]
    sizes = {"features": dimension, **feature_hifigan.PUBLISHED}
    if args.size == "tiny":
        sizes |= {"width": 16, "channels": 32}
    torch.manual_seed(1)
    facts = {"features": {"kind": "bottleneck", "layer": 4}, "dimension": dimension}
    folder: Path = args.work / "models/knnvc_vocoder"
    network = store.build("feature_hifigan", sizes)
    store.save(folder, network, kind="feature_hifigan", hyperparameters=sizes, facts=facts)
    return folder


# ---------------------------------------------------------------------- profiles
def profile(args: argparse.Namespace) -> None:
    """The slowest steps again, under the profiler: OUT/profile_<step>.txt."""
    import torch
    from torch.profiler import ProfilerActivity

    told = json.loads((args.out / "systems.json").read_text())
    seen: set[str] = set()
    order = [row for row in sorted(told["rows"], key=lambda row: -row["seconds"]) if _on_device(row, args.device)]
    cuda = args.device.startswith("cuda")
    found: list[dict[str, Any]] = []
    for row in order:
        if row["step"] in seen or len(found) == SLOWEST or time.monotonic() > args.ends:
            continue
        seen.add(row["step"])
        argv = [*told["argv"][f"{row['system']}/{row['step']}"], "--limit", "100"]
        argv[-3] = str(args.work / "profiled")  # the output, the last of the step's own
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
        with torch.profiler.profile(activities=activities) as watched:
            code = _step(row["step"], argv)
        by = "self_cuda_time_total" if cuda else "self_cpu_time_total"
        table = watched.key_averages().table(sort_by=by, row_limit=15, max_name_column_width=60)
        name = f"profile_{row['step']}.txt"
        (args.out / name).write_text(
            f"{row['system']}: {row['step']}, its first 100 recordings (code {code})\n{table}\n"
        )
        found.append({"system": row["system"], "step": row["step"], "file": name})
        write(args, "profiles", found)


def _on_device(row: dict[str, Any], device: str) -> bool:
    """Whether a step's work is torch's, in this process."""
    known = ("extract_xvectors", "extract_bottleneck", "synthesize_speech", "convert_knnvc", "anonymize_mcadams")
    return row["step"] in known and (not device.startswith("cuda") or bool(row["gpu_mib"]))


# ---------------------------------------------------------------------- table
def table(args: argparse.Namespace) -> None:
    """What the parts wrote, together: gpu.json, and gpu.md for a reader."""
    whole: dict[str, Any] = {"facts": facts(args)}
    for path in sorted(args.out.glob("*.json")):
        if path.name != "gpu.json":
            whole[path.stem] = json.loads(path.read_text())
    write(args, "gpu", whole)
    lines = ["## On a GPU" if args.device.startswith("cuda") else "## The GPU's measurements, tried on a CPU", ""]
    lines += [f"{name}: {value}  " for name, value in whole["facts"].items()]
    if "systems" in whole:
        told = whole["systems"]
        lines += ["", f"Systems, {told['speech_seconds']:.0f} s of speech-like recordings, files read and written:", ""]
        lines += ["| system | step | seconds | times real time | GPU memory, MiB |", "|---|---|---|---|---|"]
        for row in told["rows"]:
            memory = "" if row["gpu_mib"] is None else row["gpu_mib"]
            lines.append(
                f"| {row['system']} | {row['step']} | {row['seconds']:.2f} | {row['times_real_time']:.0f} | {memory} |"
            )
        lines += ["", "End to end (what the systems of one family share counts for each):", ""]
        lines += ["| system | seconds | times real time |", "|---|---|---|"]
        for name, seconds in ends(told["rows"]).items():
            lines.append(f"| {name} | {seconds:.2f} | {told['speech_seconds'] / seconds:.0f} |")
    for name, reason in whole.get("systems_left_out", {}).items():
        lines.append(f"\n{name}: {reason}")
    runs = {name: value for name, value in whole.items() if name.startswith("attacker")}
    if runs:
        lines += ["", "Training of the attacker vpc2024 (ECAPA-TDNN of 512 channels, batches of 256 x 3 s):", ""]
        lines += ["| | hours of speech a minute | 363 h x 10 passes, minutes | ms an update | GPU memory, MiB |"]
        lines += ["|---|---|---|---|---|"]
        for name, run in runs.items():
            how, minutes = f"{name.removeprefix('attacker_')} ({run['precision']})", 60 * run["projected_hours"]
            memory = run["gpu_mib"] or ""
            lines.append(
                f"| {how} | {run['hours_a_minute']:.2f} | {minutes:.0f} | {run['milliseconds']:.0f} | {memory} |"
            )
    for found in whole.get("profiles", []):
        lines.append(f"\nProfile of {found['step']} ({found['system']}): {found['file']}")
    (args.out / "gpu.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def ends(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds of each system from its first step to its last, if it came to that."""
    found: dict[str, float] = {}
    own: dict[str, dict[str, float]] = {}
    for row in rows:
        own.setdefault(row["system"], {})[row["step"]] = row["seconds"]
    shared = {step: value for step, value in own.get("pca_gmm (WORLD)", {}).items() if step != "synthesize_speech"}
    for name, steps in own.items():
        if not {"synthesize_speech", "convert_knnvc", "anonymize_mcadams"} & steps.keys():
            continue  # its time was up before it spoke
        needed: dict[str, float] = {}
        if name.startswith("pca_gmm"):
            needed = shared
        elif "WORLD" in name:
            needed = {step: value for step, value in shared.items() if step == "extract_f0"}
        found[name] = sum({**needed, **steps}.values())
    return found


def facts(args: argparse.Namespace) -> dict[str, str]:
    """The machine."""
    import torch

    from pseudovox.core import machine
    from pseudovox.stage import versions

    found = {"date": time.strftime("%Y-%m-%d"), "processor": machine.processor(), "torch": torch.__version__}
    found |= {"python": platform.python_version(), "memory": machine.memory(), "load": f"{os.getloadavg()[0]:.1f}"}
    with contextlib.suppress(Exception):
        found["commit"] = str(versions()["commit"])
    if args.device.startswith("cuda"):
        found["gpu"] = torch.cuda.get_device_name()
        found["driver"] = machine.gpu()[2]
    return found


def write(args: argparse.Namespace, name: str, value: Any) -> None:
    """OUT/<name>.json."""
    (args.out / f"{name}.json").write_text(json.dumps(value, indent=1, default=str) + "\n")


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "speech": speech, "systems": systems, "profile": profile, "table": table,
}  # fmt: skip

if __name__ == "__main__":
    main()
