"""A whole training step against `transformers.Trainer` (and MaChAmp, where it is installed), in the shape of XLM-R or
with a given encoder.

Four kinds of rows (`inputs.py`), batches of 8; on a card batches of 32, Base and Large. `training_variants.py` says what
a turn is. Beside each ratio stands what bounds it: padding alone cannot give more than 1 / (share of real tokens in the
peer's batches), and nothing can give more than products at this machine's peak, measured in the same process.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import machine
import peer_machamp
from attention import WAYS
from inputs import Inputs
from lengths import Rows, efficiency
from rounds import HERE, WARM, WARM_ON_A_CARD, Turn, Variant, interleave, median_seconds, ratio, shown

NAMES = {"nli": "XNLI-like", "tag": "tagging-like", "qa": "QA-like", "full": "QA, all windows full"}
# What a variant keeps on a CPU, in sizes of the model, seen in Base (MaChAmp also has its optimizer's intermediate results).
TIMES_THE_MODEL = {"xstilts": 2.0, "Trainer": 4.2, "MaChAmp": 5.8}
GIB_EACH = 0.5


def variant(name: str, spec: dict[str, Any], **changes: Any) -> Variant:
    spec = {**spec, **changes}
    command = [sys.executable, str(HERE / "training_variants.py"), json.dumps(spec)]
    return Variant(name, command, turns=spec["turns"])


def measure(kind: str, inputs: Inputs, shape: str, device: str, batch: int, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """The table of one kind of rows: a record for each pair, and one for each variant that did not run."""
    folder, shape = inputs.model(shape)
    warm = WARM_ON_A_CARD if device == "cuda" and not inputs.tiny else WARM
    path = inputs.rows(kind, batch * (warm + rounds))
    found_rows = Rows.read(path)
    title = f"training step, {NAMES[kind]}, {shape}, batch {batch}" + (", GPU" if device == "cuda" else "")
    spec: dict[str, Any] = {
        "kind": kind,
        "folder": str(folder),
        "batch": batch,
        "rows": str(path),
        "threads": machine.threads(),
        "device": device,
        "turns": 1,
    }
    variants, missing = _variants(kind, spec, inputs.folder, title)
    print(f"\n{title}; {len(found_rows.met):,} of the tokens occur")
    taken = interleave(variants, rounds, warm, seconds)
    missing += [{"name": title, "peer": v.name, "not_run": v.trouble} for v in variants if v.trouble]
    count = max(map(len, taken.values()), default=0)
    full = efficiency(found_rows.rows[batch * warm : batch * (warm + count)], batch) if count else 1.0
    print(f"  padding: {full:.2f} of Trainer's tokens are real, so that it alone explains at most {1 / full:.2f}x")
    found = [_record(title, pair, taken, variants, full) for pair in _pairs(taken)]
    for record in found:
        print(_line(record))
    for record in missing:
        print(f"  not run: {record['peer']}: {record['not_run']}")
    return found + missing


def _variants(kind: str, spec: dict[str, Any], out: Path, title: str) -> tuple[list[Variant], list[dict[str, Any]]]:
    """Those that can be measured here, in the order of importance: as many as memory allows. And why the others cannot."""
    device = spec["device"]
    precisions = ["fp32"] * (device == "cpu") + ["bf16"] * machine.multiplies_bf16(device)
    why = {} if "bf16" in precisions else {"bf16": "this processor does not multiply bf16"}

    def of(engine: str, precision: str, turns: int = 1) -> Variant:
        name = f"{'Trainer' if engine == 'trainer' else engine} {precision}"
        return variant(name, spec, engine=engine, precision=precision, turns=turns)

    wanted = [of("trainer", precisions[0], turns=2), *(of("xstilts", precision) for precision in precisions)]
    if kind == "nli" and device == "cpu":
        if trouble := peer_machamp.trouble():
            why["MaChAmp"] = trouble
        else:
            wanted.append(
                peer_machamp.variant(Path(spec["folder"]), out, Rows.read(spec["rows"]).rows, spec["batch"], spec["threads"])
            )
    wanted += [of("trainer", precision) for precision in precisions[1:]]
    kept: list[Variant] = []
    free = machine.memory_gib() if device == "cpu" else math.inf
    model = sum(file.stat().st_size for file in Path(spec["folder"]).glob("*.safetensors")) / 1024**3
    for one in wanted:
        needed = GIB_EACH + TIMES_THE_MODEL[one.name.split()[0]] * model
        if needed < free:
            kept.append(one)
            free -= needed
        else:
            why[one.name] = f"too little memory is free: about {needed:.1f} GiB more would be needed"
    return kept, [{"name": title, "peer": name, "not_run": text} for name, text in why.items()]


def _pairs(taken: dict[str, list[Turn]]) -> list[tuple[str, str]]:
    wanted = [
        ("Trainer fp32 again", "Trainer fp32"),
        ("Trainer bf16 again", "Trainer bf16"),
        ("xstilts fp32", "Trainer fp32"),
        ("xstilts bf16", "Trainer fp32"),
        ("xstilts bf16", "Trainer bf16"),
        ("xstilts fp32", peer_machamp.NAME),
        ("xstilts bf16", peer_machamp.NAME),
    ]
    return [(one, other) for one, other in wanted if taken.get(one) and taken.get(other)]


def _record(
    title: str, pair: tuple[str, str], taken: dict[str, list[Turn]], variants: list[Variant], full: float
) -> dict[str, Any]:
    """`bound`: the ratio at which ours would do nothing but products, at this machine's peak."""
    ours, peer = pair
    turns, theirs = taken[ours], taken[peer]
    by_name = {v.name: v for v in variants}
    one, other = (by_name[name.removesuffix(" again")] for name in pair)
    record: dict[str, Any] = {
        "name": f"{title}: {ours}",
        "peer": peer,
        "ratio": ratio(theirs, turns, blocks=3 if peer == peer_machamp.NAME else None),
        "rounds": len(turns),
        "seconds": median_seconds(turns),
        "peer_seconds": median_seconds(theirs),
        "real_share_in_peers_batches": None if peer == peer_machamp.NAME else full,
        "peak_mib": one.peak_mib,
        "peer_peak_mib": other.peak_mib,
        "trained_parameters": one.facts.get("trained"),
        "peer_trained_parameters": other.facts.get("trained"),
    }
    if "flops" in turns[0]:
        seconds = sum(turn["seconds"] for turn in turns)
        least = sum(turn["flops"] / turn["peak_flops"] for turn in turns)
        record["tokens_per_second"] = sum(turn["tokens"] for turn in turns) / seconds
        record["utilisation"] = least / seconds
        record["bound"] = sum(turn["seconds"] for turn in theirs) / least
        record["peak_tflops"] = turns[0]["peak_flops"] / 1e12
    for name, side in (("gpu_peak_mib", turns), ("peer_gpu_peak_mib", theirs)):
        if "gpu_peak_mib" in side[-1]:
            record[name] = side[-1]["gpu_peak_mib"]
    theirs_all = other.facts.get("parameters", other.facts.get("trained"))  # ours trains fewer: the vocabulary is trimmed
    if "parameters" in one.facts and peer != peer_machamp.NAME and one.facts["parameters"] != theirs_all:
        record["doubt"] = "not the same model"
    if record.get("bound", record["ratio"]["max"]) < record["ratio"]["median"]:
        record["doubt"] = "above its bound: do not believe it"
    return record


def _line(record: dict[str, Any]) -> str:
    ours = record["name"].rsplit(": ", 1)[1]
    seconds = f"{record['seconds']:.2f} s against {record['peer_seconds']:.2f} s"
    text = f"  {ours:18} {shown(record['ratio'])} {record['peer']:12}  {seconds}"
    if "utilisation" in record:
        speed = f"{record['tokens_per_second']:,.0f} tokens/s, {record['utilisation']:.0%} of the peak"
        text += f"; {speed}, bound {record['bound']:.1f}x"
    if "gpu_peak_mib" in record:
        text += f"; GPU memory {record['gpu_peak_mib']:,.0f} MiB against {record.get('peer_gpu_peak_mib', 0):,.0f}"
    return text + (f"; {record['doubt']}" if "doubt" in record else "")


def measure_ways(inputs: Inputs, shape: str, device: str, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Our step against itself with its blocks compiled, and with other ways of attention (attention.py)."""
    precision, batch = ("bf16", 32) if device == "cuda" else ("fp32", 8)
    folder, shape = inputs.model(shape)
    warm = WARM_ON_A_CARD if device == "cuda" and not inputs.tiny else 2 * WARM  # the first steps compile
    path = inputs.rows("nli", batch * (warm + rounds))
    title = f"our training step in other ways, XNLI-like, {shape}, batch {batch}"
    print(f"\n{title}")
    spec = {"kind": "nli", "folder": str(folder), "batch": batch, "rows": str(path), "threads": machine.threads()}
    spec |= {"device": device, "turns": 1, "engine": "xstilts", "precision": precision}
    usual = f"xstilts {precision}"
    ways: dict[str, dict[str, Any]] = {"compiled": {"compile": True}, **{name: {"attention": name} for name in WAYS}}
    variants = [variant(usual, spec, turns=2), *(variant(name, spec, **change) for name, change in ways.items())]
    taken = interleave(variants, rounds, warm, seconds)
    names = [name for name in (f"{usual} again", *ways) if name in taken and usual in taken]
    found = [_record(title, (name, usual), taken, variants, 1.0) for name in names]
    for record in found:
        print(_line(record))
    missing = [{"name": title, "peer": v.name, "not_run": v.trouble} for v in variants if v.trouble]
    for record in missing:
        print(f"  not run: {record['peer']}: {record['not_run']}")
    return found + missing


def large_step(inputs: Inputs, rounds: int) -> list[dict[str, Any]]:
    """One step of XLM-R Large at the paper's batch, on this CPU: seconds and memory, with no peer."""
    title = "training step, XNLI-like, large, batch 32, CPU"
    folder, rows = inputs.model("large")[0], inputs.rows("nli", 32 * (1 + rounds))
    spec = {"kind": "nli", "folder": str(folder), "batch": 32, "rows": str(rows), "threads": machine.threads()}
    spec |= {"device": "cpu", "turns": 1, "engine": "xstilts"}
    bf16 = machine.multiplies_bf16("cpu")
    found: list[dict[str, Any]] = []
    print(f"\n{title}")
    for precision in ("bf16",) if bf16 else ("fp32",):
        one = variant(f"large {precision}", spec, precision=precision)
        turns = interleave([one], rounds, 1, 30.0).get(one.name)
        if not turns or one.peak_mib is None:
            found.append({"name": title, "peer": None, "not_run": one.trouble or "no memory figures here"})
            print(f"  not run: {found[-1]['not_run']}")
            continue
        record = {
            "name": f"{title}: xstilts {precision}",
            "peer": None,
            "ratio": None,
            "seconds": median_seconds(turns),
            "tokens_per_second": sum(t["tokens"] for t in turns) / sum(t["seconds"] for t in turns),
            "peak_mib": one.peak_mib,
            "model_mib": one.start_mib,
        }
        found.append(record)
        print(
            f"  xstilts {precision}: {record['seconds']:.1f} s, {record['tokens_per_second']:,.0f} tokens/s, peak "
            f"{one.peak_mib:,.0f} MiB of which {one.start_mib:,.0f} when the model was loaded"
        )
    return found
