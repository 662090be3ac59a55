"""What one card shows in ten minutes: speed against the Trainer, memory, tests, a study.

    python bench/card.py [--out FOLDER] [--minutes 9.5] [--encoder FOLDER] [--only PART ...] [--tiny]

The parts are in the order of their importance. Each is a process with a time limit of its own; its rows are appended to
card.jsonl as it has them, and a part that fails or is stopped costs only itself. card.md is the same as tables, card.log what the
parts printed. They are written into --out, or $OUT, or bench/out. Encoders have random weights in the shapes of XLM-R Base and
Large. With --encoder the study at the end is `real-small` on it, with $XSTILTS_DATA, else the built-in demo. `--tiny` runs
all of it on any machine in some minutes: does it run? (figures mean nothing)
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import machine
from inputs import Inputs
from rounds import HERE, OUT

Records = list[dict[str, Any]]
TESTS = ("tests/train", "tests/model", "tests/stages", "tests/execution")
STUDY_SECONDS = 240


def facts() -> Records:
    found = machine.facts(machine.device())
    print(machine.line(found))
    record: dict[str, Any] = {"name": "machine", "line": machine.line(found), **found, "versions": machine.versions()}
    if machine.device() == "cuda":
        import torch

        card = torch.cuda.get_device_properties(0)
        record |= {"memory_gib": card.total_memory / 1024**3, "capability": f"{card.major}.{card.minor}"}
        record |= {"multiprocessors": card.multi_processor_count, "cuda": torch.version.cuda}
        query = ["nvidia-smi", "--query-gpu=driver_version,clocks.max.sm,power.limit", "--format=csv,noheader"]
        record["nvidia_smi"] = subprocess.run(query, capture_output=True, text=True).stdout.strip()
    return [record]


def peak() -> Records:
    """The denominator of utilisation, as training measures it, three times."""
    import torch

    from xstilts.train import flops

    torch.set_num_threads(machine.threads())
    device, found = torch.device(machine.device()), []
    for precision in ("bf16", "fp32"):
        rates = []
        for _ in range(3):
            flops._peaks.clear()
            rates.append(flops.measure_peak_flops(device, precision) / 1e12)
        found.append({"name": f"matrix product, {precision}", "tflops": sorted(rates)})
        print(f"{precision}: {', '.join(f'{rate:.3g}' for rate in sorted(rates))} TFLOP/s")
    return found


def tests(tiny: bool) -> Records:
    """The tests that use an encoder; stages choose the card by themselves."""
    if importlib.util.find_spec("pytest") is None:
        return [{"name": "tests", "not_run": "pytest is not installed"}]
    chosen = ["tests/train/test_flops.py"] if tiny else ["-m", "tiny", *TESTS]
    many = ["-n", "4"] if importlib.util.find_spec("xdist") and not tiny else []
    return [command("tests", [sys.executable, "-m", "pytest", "-v", "-rfE", *many, *chosen])]


def study(folder: Path, encoder: Path | None, tiny: bool) -> Records:
    name = ["real-small", "--workers", "8", "--set", f"encoders=[{encoder}]"] if encoder else ["demo"]
    where = ["--store", str(folder / "store"), "--set", "seeds=[0]"]
    verb = ["plan"] if tiny else ["run", "--out", str(folder / "report")]
    return [command("study", [sys.executable, "-m", "xstilts.cli", *verb, *name, *where])]


def command(name: str, words: list[str]) -> dict[str, Any]:
    """Its last lines and its seconds."""
    began = time.perf_counter()
    done = subprocess.run(words, cwd=HERE.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout[-6000:])
    last = [line for line in done.stdout.splitlines() if line.strip()][-6:]
    return {"name": name, "seconds": time.perf_counter() - began, "exit": done.returncode, "last_lines": last}


def parts(folder: Path, encoder: Path | None, tiny: bool) -> dict[str, tuple[float, Callable[[], Iterable[dict[str, Any]]]]]:
    """Name -> the most seconds it may take, and what measures it."""
    import attention
    import embedding
    import prediction
    import training

    device, inputs = machine.device(), Inputs(folder, tiny)
    rounds, seconds = (2, 2.0) if tiny else (40, 12.0)

    def step(kind: str, shape: str, batch: int) -> Callable[[], Records]:
        return lambda: training.measure(kind, inputs, shape, device, 2 if tiny else batch, rounds, seconds)

    return {
        "facts": (30, facts),
        "peak": (30, peak),
        "step-nli-base": (80, step("nli", "base", 32)),
        "step-nli-large": (90, step("nli", "large", 32)),
        "step-qa-base": (60, step("qa", "base", 16)),
        "step-qa-large": (75, step("qa", "large", 16)),
        "ways": (130, lambda: training.measure_ways(inputs, "base", device, rounds, 2 * seconds)),
        "attention": (40, lambda: attention.measure(inputs, device)),
        "prediction": (60, lambda: prediction.measure("nli", inputs, "base", device, rounds, seconds)),
        "embedding": (60, lambda: embedding.measure(inputs, "base", device, rounds, seconds)),
        "tests": (100, lambda: tests(tiny)),
        "study": (STUDY_SECONDS, lambda: study(folder, encoder, tiny)),
    }


def run_part(words: list[str], limit: float, log: Path) -> str:
    """Run a part in a process of its own; why it did not end well, else nothing. What it has started ends with it."""
    with log.open("a", encoding="utf-8") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file, start_new_session=True)
        try:
            code = process.wait(limit)
            return f"exit {code}" if code else ""
        except subprocess.TimeoutExpired:
            return f"stopped after its {limit:.0f} s"
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def tables(rows: Records) -> str:
    """All rows in Markdown."""
    lines = [
        "| what | against | ratio [least, greatest] | s | against, s | tokens/s | of the peak | GPU MiB | against |",
        "|---" * 9 + "|",
    ]
    others = []
    for row in rows:
        if row.get("ratio"):
            r = row["ratio"]
            gpu = [f"{row[name]:,.0f}" if name in row else "" for name in ("gpu_peak_mib", "peer_gpu_peak_mib")]
            speed = f"{row['tokens_per_second']:,.0f}" if "tokens_per_second" in row else ""
            share = f"{row['utilisation']:.0%}" if "utilisation" in row else ""
            doubt = f" ({row['doubt']})" if "doubt" in row else ""
            cells = [row["name"], row["peer"], f"{r['median']:.2f} [{r['min']:.2f}, {r['max']:.2f}]{doubt}"]
            cells += [f"{row['seconds']:.4f}", f"{row['peer_seconds']:.4f}", speed, share, *gpu]
            lines.append(f"| {' | '.join(cells)} |")
        else:
            shown = {name: value for name, value in row.items() if name not in ("name", "part")}
            others.append(f"- {row['name']}: {json.dumps(shown, ensure_ascii=False)}")
    return "\n".join([*lines, "", *others]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT") or OUT))
    parser.add_argument("--minutes", type=float, default=9.5, help="for all parts together (9.5)")
    parser.add_argument("--encoder", type=Path, help="a Hugging Face folder for the study")
    parser.add_argument("--only", nargs="+", metavar="PART")
    parser.add_argument("--tiny", action="store_true", help="does it run? (figures mean nothing)")
    parser.add_argument("--part", nargs=2, metavar=("PART", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    encoder = given.encoder and given.encoder.resolve()
    results = given.out / "card.jsonl"
    if given.part:
        name, folder = given.part
        for record in parts(Path(folder), encoder, given.tiny)[name][1]():
            add(results, {"part": name, **record})
        return
    given.out.mkdir(parents=True, exist_ok=True)
    for file in (results, given.out / "card.log"):
        file.unlink(missing_ok=True)
    ends = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory() as folder:
        known = parts(Path(folder), encoder, given.tiny)
        if unknown := set(given.only or ()) - set(known):
            parser.error(f"no part {', '.join(sorted(unknown))}; expected of {', '.join(known)}")
        for name in given.only or known:
            began = time.monotonic()
            limit = min(known[name][0] * (4 if given.tiny else 1), ends - began)
            words = [sys.executable, __file__, "--part", name, folder, "--out", str(given.out)]
            words += ["--encoder", str(encoder)] * bool(encoder) + ["--tiny"] * given.tiny
            trouble = run_part(words, limit, given.out / "card.log") if limit > 5 else "the time was over"
            if trouble:
                add(results, {"part": name, "name": name, "not_run": trouble})
            print(f"{name}: {trouble or 'done'}, {time.monotonic() - began:.0f} s", flush=True)
            rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
            (given.out / "card.md").write_text(tables(rows), encoding="utf-8")


def add(path: Path, record: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
