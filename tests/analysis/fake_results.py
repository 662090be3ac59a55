"""Fake results for the tests of the report: seeded, with the skill of every (chain, target) given by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xstilts.analysis.results import Cell, ChainInfo, LanguageScore, LayerScore, Results, StageCost, TargetInfo
from xstilts.metrics.metric import Metric
from xstilts.recipe.mixture import Mixture
from xstilts.tasks.registry import CATALOGUE

ACCURACY = Metric(
    name="accuracy",
    counts=("correct", "total"),
    values=("accuracy",),
    tally=lambda example, prediction: (0.0, 1.0),
    finish=lambda sums: (sums[..., 0] / np.maximum(sums[..., 1], 1))[..., None],
    cite="",
    right_or_wrong=True,
)
NAMES = {"en": "English", "de": "German", "sw": "Swahili", "th": "Thai", "ur": "Urdu", "zh": "Chinese"}


def chain(name: str, *tasks: str, placebo: bool = False) -> ChainInfo:
    phases = tuple(Mixture(mix=(task,), labels="shuffled" if placebo else "gold") for task in tasks)
    return ChainInfo(name, phases, tuple(tasks), "placebo" if placebo else "")


def controls(of: ChainInfo) -> tuple[ChainInfo, ChainInfo]:
    """The placebo and the compute-matched control that a study's `controls` add to a chain."""
    return (
        ChainInfo(f"{of.name}~placebo", of.phases, of.tasks, "placebo", of.name),
        ChainInfo(f"{of.name}~compute", (), (), "compute", of.name),
    )


def target(
    name: str,
    *,
    languages: Sequence[str] = ("en", "de", "sw"),
    missing: Sequence[str] = (),
    chance: float | None = None,
    trains_on: str = "",
    format: str = "classify",
) -> TargetInfo:
    return TargetInfo(
        name=name,
        format=format,
        metric_name="accuracy",
        headline_name="accuracy",
        values=("accuracy",),
        trains_on=trains_on,
        languages=tuple(languages),
        missing=tuple(missing),
        chance=chance,
        license="CC-BY-4.0",
        cite=f"{name}2020",
        url=f"https://example.org/{name}",
        notes="",
    )


def language_score(rng: np.random.Generator, probability: float, n: int, task: str) -> LanguageScore:
    """The same latent difficulty for every arm, so that arms are paired as real ones are. Every value of the task's own
    metric is the accuracy."""
    metric = CATALOGUE[task].metric if task in CATALOGUE else None
    names = metric.values if metric else ("accuracy",)
    ids = np.array([f"{i:05d}" for i in range(n)])
    difficulty = np.random.default_rng(7).permutation(n) / n
    skill = np.clip(difficulty + rng.normal(0, 0.1, n), 0, 1)
    correct = (np.argsort(np.argsort(skill)) < round(probability * n)).astype(float)
    counts = np.stack([correct, np.ones(n)], axis=1)
    return LanguageScore(dict.fromkeys(names, float(correct.mean())), float(correct.mean()), ids, counts)


def make_results(
    *,
    chains: Sequence[ChainInfo],
    targets: Sequence[TargetInfo],
    skill: Mapping[tuple[str, str], float],
    seeds: Sequence[int] = (0, 1, 2),
    encoders: Sequence[str] = ("mini-xlmr",),
    n: int = 300,
    costs: Sequence[StageCost] = (),
    skip: Sequence[tuple[str, str, int]] = (),
    question: str = "Does an English intermediate task help?",
    study: str = "fake",
    layers: int = 0,
    noise: float = 0.004,
    leaks: Sequence[str] = (),
) -> Results:
    """`skill[chain, target]` is the accuracy in the languages other than English; English lies .1 higher. `leaks` are the
    targets whose weights were chosen on target-language dev data."""
    rng = np.random.default_rng(0)
    cells = []
    for encoder in encoders:
        for info in targets:
            for c in chains:
                for seed in seeds:
                    if (c.name, info.name, seed) in skip or (c.name, info.name) not in skill:
                        continue
                    level = skill[c.name, info.name] + rng.normal(0, noise)
                    scores = {
                        code: language_score(rng, min(0.99, level + 0.1 * (code == "en") - 0.004 * rank), n, info.name)
                        for rank, code in enumerate(info.languages)
                    }
                    curve = _curve(rng, level, layers, info) if info.format == "embed" and layers else ()
                    key = f"{c.name}-{info.name}-{seed}"
                    layer = layers // 2 if curve else None
                    leak = info.name in leaks
                    cells.append(Cell(encoder, c.name, info.name, seed, "", scores, curve, layer, key, leak))
            if info.format == "embed" and layers:
                scores = {code: language_score(rng, 0.05, n, info.name) for code in info.languages}
                curve = _curve(rng, 0.06, layers, info)
                key = f"random-{info.name}"
                cells.append(Cell(encoder, "none", info.name, seeds[0], "random-init", scores, curve, layers // 2, key))
    return Results(
        study=study,
        question=question,
        encoders=tuple(encoders),
        chains=tuple(chains),
        targets=tuple(targets),
        seeds=tuple(seeds),
        limits={"train": 5000, "test": n},
        recipes={"intermediate": {"lr": 1e-5, "epochs": 1}, "target": {"lr": 2e-5, "epochs": 3, "batch": 32}},
        cells=tuple(cells),
        costs=tuple(costs),
        notes=("Tatoeba is scored in one direction.",),
        retrieval="layer 3; mean over all tokens; not centred; cosine",
        layer=3,
        pooling="mean",
        centred=False,
        policy="the last one",
        version="0.1.0",
        made="2026-11-21 02:00 UTC",
        fingerprint="0123456789ab",
        metrics={"accuracy": ACCURACY},
        language_names=NAMES,
    )


def _curve(rng: np.random.Generator, level: float, layers: int, info: TargetInfo) -> tuple[LayerScore, ...]:
    return tuple(
        LayerScore(
            layer,
            pooling,
            centred,
            code,
            float(np.clip(level * (0.4 + 0.6 * np.sin(np.pi * layer / layers)) + 0.05 * centred, 0, 1)),
        )
        for layer in range(layers + 1)
        for pooling in ("mean", "cls")
        for centred in (False, True)
        for code in info.languages
    )


def stage(kind: str, slug: str, *, status: str = "done", used_by: int = 1, error: str = "", **more: Any) -> StageCost:
    fields = {"seconds": 10.0, "peak_mib": 812.0, "made_before": False, **more}
    return StageCost(kind=kind, slug=slug, key="ab" * 32, status=status, used_by=used_by, error=error, **fields)


def trained(slug: str, phase: str = "fine-tuning", **facts: Any) -> StageCost:
    """A training with the figures that the engine records; a fact given as None was not recorded."""
    usual = {
        "steps": 200,
        "tokens": 120_000,
        "train_seconds": 8.0,
        "tokens_per_second": 15_000.0,
        "seconds": {"encode": 0.5, "train": 8.0, "evaluate": 1.0, "checkpoint": 0.25, "save": 0.25},
        "flops": 4e11,
        "peak_flops": 1e11,
        "utilisation": 0.5,
        "micro_tokens": 2048,
        "halved": 0,
        "processes": 1,
        "vocabulary": {"kept": 500, "of": 500},
        "packed": True,
        "policy": "last",
        "leak": False,
        "stopped_early": False,
        "matched_steps": 0,
        "device": "cpu",
    }
    found = {name: value for name, value in (usual | facts).items() if value is not None}
    return stage("train", slug, phase=phase, facts=found)
