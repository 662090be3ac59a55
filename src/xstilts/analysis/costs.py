"""What a study cost: stages by kind, training phases with the engine's figures, and anomalies.

A figure that a run did not record (if an older version made it) is missing, never zero. A sum says how many stages it covers.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import StageCost

PHASES = ("pre-training", "intermediate training", "fine-tuning")
PARTS = ("encode", "train", "evaluate", "checkpoint", "save")


@dataclass(frozen=True)
class KindCost:
    """Stages of one kind. `seconds` is the time they took. `saved` counts the computations that sharing between cells avoided
    (used_by - 1 per stage), and `saved_seconds` is the time these would have taken."""

    kind: str
    stages: int
    done: int
    made_before: int
    seconds: float
    saved: int
    saved_seconds: float
    peak_mib: float | None


def sum_by_kind(costs: Sequence[StageCost]) -> tuple[KindCost, ...]:
    """One row for each kind, in the plan's order."""
    rows = []
    for kind in dict.fromkeys(cost.kind for cost in costs):
        own = [cost for cost in costs if cost.kind == kind]
        done = [cost for cost in own if cost.status == "done"]
        peaks = [cost.peak_mib for cost in done if cost.peak_mib is not None]
        spared = [(max(0, cost.used_by - 1), cost.seconds or 0.0) for cost in done]
        rows.append(
            KindCost(
                kind=kind,
                stages=len(own),
                done=len(done),
                made_before=sum(cost.made_before for cost in done),
                seconds=sum(cost.seconds or 0.0 for cost in done),
                saved=sum(times for times, _ in spared),
                saved_seconds=sum(times * seconds for times, seconds in spared),
                peak_mib=max(peaks, default=None),
            )
        )
    return tuple(rows)


@dataclass(frozen=True)
class Figure:
    """A figure over the stages that recorded it: `known` of `of`. `value` is None if none did."""

    value: float | None
    known: int
    of: int

    def describe(self, write: Callable[[float | None], str]) -> str:
        """The value as `write` formats it, and how many stages it covers if some lack it."""
        short = f" ({self.known} of {self.of})" if 0 < self.known < self.of else ""
        return write(self.value) + short


@dataclass(frozen=True)
class PhaseCost:
    """The trainings of one phase. `runs` counts attempts; `seconds` has each of PARTS; `speed` is real tokens a second of
    training time; `utilisation` (0-1) weighs the trainings by their time."""

    phase: str
    stages: int
    done: int
    runs: int
    made_before: int
    seconds: dict[str, Figure]
    tokens: Figure
    speed: Figure
    utilisation: Figure
    peak_mib: Figure


def read_seconds(cost: StageCost, part: str) -> float | None:
    """Seconds of one part of a training; runs of older versions recorded only `train_seconds`."""
    recorded = cost.facts.get("seconds") or {"train": cost.facts.get("train_seconds")}
    value = recorded.get(part)
    return None if value is None else float(value)


def _fact(cost: StageCost, name: str) -> float | None:
    value = cost.facts.get(name)
    return None if value is None else float(value)


def _figure(values: Iterable[float | None], fold: Callable[[list[float]], float] = sum) -> Figure:
    values = list(values)
    known = [value for value in values if value is not None]
    return Figure(fold(known) if known else None, len(known), len(values))


def _ratio(pairs: Iterable[tuple[float | None, float | None]]) -> Figure:
    """The ratio of the sums, over the pairs in which both are known and the second is not 0."""
    pairs = list(pairs)
    known = [(above, below) for above, below in pairs if above is not None and below]
    value = sum(above for above, _ in known) / sum(below for _, below in known) if known else None
    return Figure(value, len(known), len(pairs))


def sum_by_phase(costs: Sequence[StageCost]) -> tuple[PhaseCost, ...]:
    """One row for each training phase that has stages."""
    rows = []
    for phase in PHASES:
        own = [cost for cost in costs if cost.phase == phase]
        if not own:
            continue
        done = [cost for cost in own if cost.status == "done"]
        times = [read_seconds(cost, "train") for cost in done]
        peaks = [_fact(cost, "peak_flops") for cost in done]
        at_peak = [seconds * peak if seconds and peak else None for seconds, peak in zip(times, peaks, strict=True)]
        tokens, flops = ([_fact(cost, name) for cost in done] for name in ("tokens", "flops"))
        rows.append(
            PhaseCost(
                phase=phase,
                stages=len(own),
                done=len(done),
                runs=sum(cost.runs for cost in own),
                made_before=sum(cost.made_before for cost in done),
                seconds={part: _figure(read_seconds(cost, part) for cost in done) for part in PARTS},
                tokens=_figure(tokens),
                speed=_ratio(zip(tokens, times, strict=True)),
                utilisation=_ratio(zip(flops, at_peak, strict=True)),
                peak_mib=_figure((cost.peak_mib for cost in done), max),
            )
        )
    return tuple(rows)


def describe_anomalies(costs: Sequence[StageCost]) -> tuple[str, ...]:
    """A sentence for each anomaly."""
    done = [cost for cost in costs if cost.status == "done"]
    trained = [cost for cost in done if cost.kind == "train"]
    lines = [*_engine_lines(trained), *_data_lines(done), *_reach_lines(done)]
    again = [cost for cost in done if cost.runs > 1]
    if again:
        most = max(again, key=lambda cost: cost.runs)
        noun = fmt.count(len(again), "stage")
        lines.append(f"{noun} took more than one attempt (most: {most.slug}, {most.runs}).")
    return tuple(lines)


def _engine_lines(trained: Sequence[StageCost]) -> Iterable[str]:
    def those(name: str) -> list[StageCost]:
        return [cost for cost in trained if cost.facts.get(name)]

    if halved := those("halved"):
        times = fmt.count(sum(int(cost.facts["halved"]) for cost in halved), "time")
        least = min(int(cost.facts["micro_tokens"]) for cost in halved)
        yield (
            f"For lack of memory the micro-batch was halved {times} in {fmt.count(len(halved), 'training')}, down to "
            f"{least:,} tokens; batch and loss are still those of the recipe."
        )
    if stopped := those("stopped_early"):
        noun = fmt.count(len(stopped), "training")
        yield f"{noun} stopped early, without a better dev score for as long as the recipe's patience."
    if matched := those("matched_steps"):
        extra = [int(cost.facts["matched_steps"]) for cost in matched]
        noun = fmt.count(len(matched), "compute-matched training")
        yield f"{noun} took {_span(extra)} extra steps: by as many real tokens as the chain beside it saw."
    shares = [cost for cost in trained if int(cost.facts.get("processes") or 1) > 1]
    if shares:
        processes = _span([int(cost.facts["processes"]) for cost in shares])
        yield f"{fmt.count(len(shares), 'training')} shared each batch among {processes} processes (data parallel)."
    tables = [cost.facts["vocabulary"] for cost in those("vocabulary")]
    trimmed = [(int(table["kept"]), int(table["of"])) for table in tables if table["kept"] < table["of"]]
    if trimmed:
        noun = fmt.count(len(trimmed), "training")
        of = _span([whole for _, whole in trimmed])
        yield (
            f"{noun} held only the {_span([kept for kept, _ in trimmed])} embeddings (of {of}) that the data can contain; the "
            "others are restored exactly on saving."
        )
    padded = [cost for cost in trained if cost.facts.get("packed") is False]
    if padded:
        noun = fmt.count(len(padded), "training")
        yield f"{noun} computed padding too: the attention of this type of encoder cannot leave it out (see `xstilts encoders`)."


def _reach_lines(done: Sequence[StageCost]) -> Iterable[str]:
    """Questions whose answer is in no window of tokens. Runs of older versions did not count them."""
    trained, tested = dict[str, int](), dict[str, dict[str, int]]()
    for cost in done:
        counts = cost.facts.get("unreached") or {}
        own = trained if cost.kind == "train" else tested.setdefault(cost.slug.rpartition("@")[2], {})
        own |= {name: max(int(n), own.get(name, 0)) for name, n in counts.items()}
    for task, n in trained.items():
        yield f"{task}: the answer of {fmt.count(n, 'training question')} is in no window of tokens; trained on as unanswerable."
    for task, counts in tested.items():
        if counts:
            told = fmt.listed((f"{n:,} in {language}" for language, n in counts.items()), 6)
            yield f"{task}: some test questions cannot be answered right, since no window of tokens holds the answer: {told}."


def _data_lines(done: Sequence[StageCost]) -> Iterable[str]:
    for name, words in (
        ("unlocatable", "their answers were not found in the context"),
        ("untranslated", "the translation files lack a string of theirs"),
        ("unlabelled", "they have no gold label"),
        ("test_pictures", "their pictures are in XVNLI's test data"),
    ):
        found = [cost for cost in done if cost.kind == "fetch" and cost.facts.get(name)]
        if found:
            total = fmt.count(sum(int(cost.facts[name]) for cost in found), "example")
            places = fmt.listed((f"{cost.slug} {int(cost.facts[name]):,}" for cost in found), 6)
            yield f"{total} of training data dropped because {words}: {places}."


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
