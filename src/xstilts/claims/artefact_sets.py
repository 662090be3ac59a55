"""Artefact sets: scores made up by hand that must give a claim the verdict that they name. They are the claim's own tests.

A verdict that no data can reach is no verdict. So each built-in claim comes with a set for each of its verdicts (`sets:` beside
it), and `run_sets` judges them all by the way of real results. The scores are whole `Results`: six seeds, every target of the
claim in as few languages as show each, a chain for every side of its comparisons. The gain of a chain is exactly the one that is
written, up to a share of an example; its noise over seeds is drawn once, with exactly the spread that is written.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis.gather import training_data
from xstilts.analysis.results import Cell, ChainInfo, LanguageScore, Results, StageCost, TargetInfo
from xstilts.analysis.scores import ENGLISH, NO_CHAIN
from xstilts.claims.chains import find_original, is_text
from xstilts.claims.ledger import check
from xstilts.claims.record import ArtefactSet, Claim, ClaimedRetrieval, Points, Verdict
from xstilts.errors import InputError, nearest
from xstilts.metrics.classify import ACCURACY
from xstilts.recipe.mixture import Mixture
from xstilts.tasks.files.locate import select_scored_split
from xstilts.tasks.registry import CATALOGUE, find_task

SEEDS = (0, 1, 2, 3, 4, 5)
EXAMPLES = 1000
BASE = 0.45  # the score without a chain
RESAMPLES = 50


@dataclass(frozen=True)
class SetResult:
    """One set of one claim: the verdict that it must give (`gives`) and the one that it got. A verdict that no set of the claim
    gives has `number` 0, and no `got`."""

    claim: str
    number: int
    gives: Verdict
    got: Verdict | None
    reason: str

    @property
    def right(self) -> bool:
        return self.got == self.gives


def run_sets(claims: Iterable[Claim]) -> list[SetResult]:
    """Judge every set of every claim. Verdicts of which a claim has no set are wrong too, except in a claim without any set."""
    found = []
    for claim in claims:
        for number, one in enumerate(claim.sets, 1):
            narrow = _narrow(claim)
            judged, _ = check(narrow, build_results(narrow, one), RESAMPLES)
            found.append(SetResult(claim.id, number, one.gives, judged.verdict, judged.reason))
        given = {one.gives for one in claim.sets}
        lacking = [verdict for verdict in claim.reachable if claim.sets and verdict not in given]
        found += [SetResult(claim.id, 0, verdict, None, "no set of the claim gives it") for verdict in lacking]
    return found


def _narrow(claim: Claim) -> Claim:
    """The claim in as few languages as show every target, each time the one that most of the targets have."""
    offered = {target: set(claim.population.languages_of(target)) for target in claim.population.targets}
    codes: list[str] = []
    while waiting := [own - {ENGLISH} or own for own in offered.values() if own and not own & set(codes)]:
        counts = Counter(code for own in waiting for code in own)
        codes.append(max(sorted(counts), key=lambda code: (counts[code], -sum(code in own for own in offered.values()))))
    return claim.model_copy(update={"population": claim.population.model_copy(update={"languages": tuple(codes)})})


def build_results(claim: Claim, one: ArtefactSet) -> Results:
    """The scores of one set. Raises InputError if it names what the claim has not, or a gain that no score can have."""
    population = claim.population
    sides = _list_sides(claim)
    targets = [_describe_target(claim, name) for name in population.targets] if claim.about_gains else []
    encoders = [(population.model or "encoder", one.gains), *([(claim.than, one.than)] if claim.than else [])]
    for gains in (one.gains, one.than):
        _check_names(claim, gains, [*sides, *_TREATMENTS, "others"])
    examples = _Examples()
    cells = []
    for encoder, gains in encoders if claim.about_gains else []:
        for chain in sides:
            noise_S = _draw_noise(f"{encoder} {chain}", one.noise) if chain != NO_CHAIN else np.zeros(len(SEEDS))
            for info in targets:
                level = BASE + _find_gain(sides, gains, chain, info.name) / 100
                for seed, noise in zip(SEEDS, noise_S, strict=True):
                    where = f"claim {claim.id}, set that gives {one.gives}"
                    scores = {code: examples.score(info.name, code, level + noise, where) for code in info.languages}
                    key = f"{encoder}/{chain}/{info.name}/{seed}"
                    cells.append(Cell(encoder, chain, info.name, seed, "", scores, (), None, key))
    retrieval = population.retrieval or ClaimedRetrieval()
    return Results(
        study="artefact set",
        question="",
        encoders=tuple(encoder for encoder, _ in encoders),
        chains=tuple(info for info, _ in sides.values()),
        targets=tuple(targets),
        seeds=SEEDS,
        limits={},
        recipes={"": {"policy": population.policy}} if population.policy else {},
        cells=tuple(cells),
        costs=tuple(_read(name, count, claim.population.split or "train", one.whole) for name, count in one.counts.items()),
        notes=(),
        retrieval="",
        layer=retrieval.layer,
        pooling=retrieval.pooling,
        centred=retrieval.centred,
        policy=population.policy,
        version="",
        made="",
        fingerprint="",
        metrics={ACCURACY.name: ACCURACY},
    )


_TREATMENTS = ("alone", "text", "translated", "multi")
Sides = dict[str, tuple[ChainInfo, str]]  # name -> the chain, and its treatment


def _list_sides(claim: Claim) -> Sides:
    """The chains that the claim speaks of, by the names of the ledger."""
    found: Sides = {NO_CHAIN: (ChainInfo(NO_CHAIN, (), ()), NO_CHAIN)}
    tasks = claim.population.intermediate

    def add(name: str, treatment: str, mixture: Mixture, control: str = "") -> None:
        held = tuple(dict.fromkeys(task for part in mixture.mix for task in sorted(training_data(part))))
        found[name] = (ChainInfo(name, (mixture,), held), treatment)
        if control == "placebo":
            placebo = mixture.model_copy(update={"labels": "shuffled"})
            found[f"{name}~placebo"] = (ChainInfo(f"{name}~placebo", (placebo,), held, "placebo", name), "placebo")
        elif control == "compute":
            found[f"{name}~compute"] = (ChainInfo(f"{name}~compute", (), (), "compute", name), "compute")

    def add_alone(names: Sequence[str], control: str = "") -> None:
        for name in names:
            add(name, "alone", Mixture(mix=(name,)), control)

    if claim.kind == "ranking":
        add_alone(tasks)
        if "multi" in claim.best:
            add("multi", "multi", Mixture(mix=tasks))
    for one in claim.comparisons:
        named = (one.treatment,) if one.treatment in CATALOGUE else tasks
        if one.treatment in ("alone", "best", *named):
            add_alone(named, one.control)
        else:
            add_alone(named if one.control == "alone" else ())
        if one.treatment == "multi":
            add("multi", "multi", Mixture(mix=tasks), one.control)
        for task in tasks if one.treatment in ("text", "translated") else ():
            mixture = _mix_text(task) if one.treatment == "text" else _translate(claim, task)
            words = "with text" if one.treatment == "text" else "translated"
            add(f"{task} {words}", one.treatment, mixture, one.control)
    return found


def _mix_text(task: str) -> Mixture:
    return Mixture(mix=(task, next(name for name in CATALOGUE if is_text(name))))


def _translate(claim: Claim, task: str) -> Mixture:
    name = next((name for name in CATALOGUE if find_original(name) == task), "")
    if not name:
        raise InputError(f"claim {claim.id}: no task is a translation of {task}, so no study can have such a chain")
    return Mixture(mix=(name,), languages=find_task(name).splits["train"].languages[:1])


def _describe_target(claim: Claim, name: str) -> TargetInfo:
    task = find_task(name)
    return TargetInfo(
        name=name,
        format=task.format.name,
        metric_name=ACCURACY.name,
        headline_name=ACCURACY.name,
        values=ACCURACY.values,
        trains_on=task.trains_on,
        languages=claim.population.languages_of(name),
        missing=(),
        chance=None,
        license=task.license,
        cite=task.cite,
        url=task.url,
        notes="",
        training_data=training_data(task.trains_on or name) if task.format.trained else frozenset(),
        split=select_scored_split(task, claim.population.split or "test"),
    )


def _check_names(claim: Claim, gains: Mapping[str, Points], known: Sequence[str]) -> None:
    targets = (*claim.population.targets, "others")
    for name, value in gains.items():
        if name not in known:
            raise InputError(f"claim {claim.id}, sets: no side of its comparisons is called '{name}'{nearest(name, known)}")
        for target in value if isinstance(value, dict) else ():
            if target not in targets:
                raise InputError(f"claim {claim.id}, sets: '{target}' is not one of its targets{nearest(target, targets)}")


def _find_gain(sides: Sides, gains: Mapping[str, Points], chain: str, target: str) -> float:
    """In points: by the name of the side, else by its treatment, else that of the others."""
    if chain == NO_CHAIN:
        return 0.0
    value = gains.get(chain, gains.get(sides[chain][1], gains.get("others", 0.0)))
    return value.get(target, value.get("others", 0.0)) if isinstance(value, dict) else value


def _draw_noise(name: str, points: float) -> np.ndarray:
    """Over seeds, with mean 0 and exactly this standard deviation (0-1). Shape (seeds,)."""
    draws_S = np.random.default_rng(zlib.crc32(name.encode())).normal(size=len(SEEDS))
    centred_S = draws_S - draws_S.mean()
    noise_S: np.ndarray = centred_S / centred_S.std(ddof=1) * points / 100
    return noise_S


class _Examples:
    """Scores by their level; equal scores are one object."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str, int], LanguageScore] = {}
        self.ids: dict[tuple[str, str], np.ndarray] = {}

    def score(self, target: str, code: str, level: float, where: str) -> LanguageScore:
        right = round(level * EXAMPLES)
        if not 0 < right < EXAMPLES:
            raise InputError(f"{where}: a gain of {100 * (level - BASE):+.0f} points; expected -44 to +54, noise included")
        if (target, code, right) not in self.known:
            ids_N = self.ids.setdefault((target, code), np.array([f"{code}-{number}" for number in range(EXAMPLES)]))
            counts_NC = np.stack([np.arange(EXAMPLES) < right, np.ones(EXAMPLES)], axis=1).astype(float)
            share = right / EXAMPLES
            self.known[target, code, right] = LanguageScore({ACCURACY.name: share}, share, ids_N, counts_NC)
        return self.known[target, code, right]


def _read(name: str, examples: int, split: str, whole: bool) -> StageCost:
    facts = {"available": examples, **({"commit": "0" * 40} if whole else {})}
    stage = StageCost("fetch", "data", f"data/{name}", "done", 1.0, None, 1, False, "")
    return StageCost(**{**vars(stage), "facts": facts, "task": name, "split": split, "language": ENGLISH})
