"""`make bench`: xstilts beside its peers, in under ten minutes on any machine, as a table and as bench/out/results.json.

    training    a whole training step against transformers' Trainer, and MaChAmp where it is installed     (training.py)
    prediction  examples to answers against Trainer.predict                                              (prediction.py)
    embedding   sentences to vectors against sentence-transformers                                        (embedding.py)
    memory      peak memory of evaluation against Trainer.predict                                            (memory.py)
    mining      exact nearest neighbours against faiss-cpu                                                   (mining.py)
    intervals   the intervals of a whole grid                                                             (intervals.py)
    attack      a greedy search for character edits against TextAttack, where it is installed                (attack.py)

On a card (`BENCH_DEVICE`, or what torch finds) training, prediction and embedding are measured there. Ratios are medians of
rounds, with the least and the greatest; `again` is the peer against itself, the noise. Models have random weights, data are made
up, with the lengths of real tasks (lengths.py): speed and memory do not depend on what is said. With `--encoder FOLDER` they are
that encoder, its tokenizer and real examples from $XSTILTS_DATA (inputs.py). Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attack
import embedding
import intervals
import machine
import memory
import mining
import prediction
import training
from inputs import Inputs
from rounds import OUT

Records = list[dict[str, Any]]
TOTAL_SECONDS = 590.0
GIB_FOR_LARGE = 20


def sections(inputs: Inputs, device: str, quick: bool, only: bool) -> dict[str, tuple[float, Callable[[], Records]]]:
    """Name -> about how many seconds it takes on two cores, and what measures it."""
    rounds, share = (2, 0.1) if quick else (60 if device == "cuda" else 12, 1.0)

    def steps(kind: str, seconds: float, shape: str = "base", batch: int = 8) -> tuple[float, Callable[[], Records]]:
        def measure() -> Records:
            return training.measure(kind, inputs, shape, device, batch, rounds, seconds * share)

        return seconds + 25, measure

    def answers(kind: str, shape: str = "base") -> tuple[float, Callable[[], Records]]:
        return 60, lambda: prediction.measure(kind, inputs, shape, device, min(rounds, 8), 30 * share)

    def vectors(shape: str) -> Callable[[], Records]:
        return lambda: embedding.measure(inputs, shape, device, min(rounds, 8), 50 * share)

    def mine() -> Records:
        given = inputs.vectors()
        return mining.main((str(given) if given else "encoder-like",), 1 if quick else 3)

    found: dict[str, tuple[float, Callable[[], Records]]] = {}
    if device == "cuda":
        for shape in ("base",) if inputs.encoder else ("base", "large"):
            found |= {f"training-nli-{shape}": steps("nli", 60, shape, 32), f"embedding-{shape}": (60, vectors(shape))}
            found |= {f"training-qa-{shape}": steps("qa", 40, shape, 16), f"training-tag-{shape}": steps("tag", 30, shape, 32)}
            found[f"prediction-nli-{shape}"] = answers("nli", shape)
    else:
        found["training-nli"] = steps("nli", 100)
        found["embedding"] = 75, vectors("base")
        found |= {"training-qa": steps("qa", 60, batch=4), "training-tag": steps("tag", 40)}
    found["memory"] = 60, lambda: memory.measure(inputs, (100, 200) if quick else memory.COUNTS)
    if device == "cpu":
        found["training-large"] = 70, lambda: training.large_step(inputs, 2)
    found["intervals"] = 60, intervals.main
    found["mining"] = 80, mine
    if device == "cpu":
        found |= {"prediction-nli": answers("nli"), "prediction-tag": answers("tag")}
        found["attack"] = 120, lambda: attack.measure(inputs, 2 if quick else 6, 60 * share)
    if only and device == "cpu":
        found["training-full"] = steps("full", 40, batch=4)
    if inputs.encoder:  # these have a shape of their own, or none
        for name in ("training-large", "training-full", "intervals"):
            found.pop(name, None)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny models and two rounds: does it run? (figures mean nothing)")
    parser.add_argument("--only", nargs="+", metavar="SECTION", help="some of the sections, without the limit of ten minutes")
    parser.add_argument("--encoder", type=Path, metavar="FOLDER", help="a Hugging Face folder, instead of random weights")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help="where the results are written (bench/out)")
    given = parser.parse_args()
    device = machine.device()
    facts = machine.facts(device)
    if facts["load_before"] > 0.5:
        print("the machine was busy before: the spread will show it")
    began = time.perf_counter()
    results: Records = []
    with tempfile.TemporaryDirectory() as folder:
        inputs = Inputs(Path(folder), given.quick, given.encoder and given.encoder.resolve())
        found = sections(inputs, device, given.quick, bool(given.only))
        if unknown := set(given.only or ()) - set(found):
            parser.error(f"no section {', '.join(sorted(unknown))}; expected of {', '.join(found)}")
        for name, (seconds, measure) in found.items():
            if given.only and name not in given.only:
                continue
            spent = time.perf_counter() - began
            then = machine.facts(device)
            print(f"\n{machine.line(then)}")
            here = _run(name, _obstacle(name, given, spent + seconds), measure)
            results += [{**record, "load_before": then["load_before"]} for record in here]
    if device == "cpu":
        results.append(
            {"name": "training, prediction and embedding on a GPU", "peer": None, "not_run": "no card here, or not asked for"}
        )
    minutes = (time.perf_counter() - began) / 60
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / ("quick.json" if given.quick else "some.json" if given.only else "results.json")
    record = {"machine": facts, "versions": machine.versions(), "encoder": given.encoder and given.encoder.name}
    record |= {"date": time.strftime("%Y-%m-%d"), "minutes": minutes, "results": results}
    path.write_text(json.dumps(record, indent=1), encoding="utf-8")
    missing = [f"{r['name']} ({r.get('peer') or 'xstilts'}): {r['not_run']}" for r in results if "not_run" in r]
    print("\nnot run:" + "".join(f"\n  {line}" for line in missing) if missing else "\neverything was run")
    print(f"{minutes:.1f} minutes; written: {os.path.relpath(path)}")


def _obstacle(name: str, given: argparse.Namespace, seconds: float) -> str:
    """Why a section is left out; empty if it is not."""
    if not given.only and seconds > TOTAL_SECONDS:
        return f"the ten minutes were over; measure it alone with --only {name}"
    if name == "training-large" and not given.quick and machine.memory_gib() < GIB_FOR_LARGE:
        return f"less than {GIB_FOR_LARGE} GiB of memory are free"
    return ""


def _run(name: str, obstacle: str, measure: Callable[[], Records]) -> Records:
    try:
        if not obstacle:
            return measure()
    except Exception as error:  # one section's trouble must not cost the others' figures
        obstacle = f"{type(error).__name__}: {error}"
    print(f"\n{name}: not run: {obstacle}")
    return [{"name": name, "peer": None, "not_run": obstacle}]


if __name__ == "__main__":
    main()
