"""Results for the tests of the claims ledger: two real targets, chains of real tasks, skills given by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.analysis.fake_results import chain, make_results, stage, target, trained
from xstilts.analysis.results import Cell, Results
from xstilts.claims.ledger import ClaimResult, judge_claim
from xstilts.claims.record import DIRECTED, Claim
from xstilts.tasks.registry import find_task

XNLI, TYDIQA, TATOEBA = "xnli", "tydiqa", "tatoeba"
BASE = {XNLI: 0.60, TYDIQA: 0.50, TATOEBA: 0.30}
CHAINS = {"none": (), "squad": ("squad_v1",), "qqp": ("qqp",), "hella": ("hellaswag",)}


def study(
    gains: Mapping[tuple[str, str], float],
    *,
    seeds: Sequence[int] = (0, 1, 2, 3, 4, 5),
    chains: Mapping[str, tuple[str, ...]] = CHAINS,
    targets: Sequence[str] = (XNLI, TYDIQA),
    languages: Sequence[str] = ("en", "ru", "sw"),
    limits: Mapping[str, int] | None = None,
    chance: float | None = None,
    **more: Any,
) -> Results:
    """`gains[chain, target]` are added to the target's score without a chain."""
    infos = [
        replace(
            target(name, languages=[x for x in languages if x in find_task(name).languages], chance=chance),
            trains_on=find_task(name).trains_on,
            format=find_task(name).format.name,
        )
        for name in targets
    ]
    made = make_results(
        chains=[chain(name, *tasks) for name, tasks in chains.items()],
        targets=infos,
        skill={(name, t): BASE[t] + gains.get((name, t), 0.0) for name in chains for t in targets},
        seeds=seeds,
        encoders=("xlm-roberta-large",),
        **{"n": 400, **more},
    )
    costs = (stage("encoder", "xlm-roberta-large"), trained("squad", "intermediate training"), trained("tydiqa", "fine-tuning"))
    return replace(made, limits=limits or {}, costs=costs, cells=tuple(map(_named, made.cells)))


def _named(cell: Cell) -> Cell:
    return replace(cell, key=f"{cell.encoder}-{cell.chain}-{cell.target}-{cell.seed}")


def claim(kind: str, *, population: Mapping[str, Any] | None = None, **fields: Any) -> Claim:
    """A claim about TyDiQA in Russian and Swahili, unless it says otherwise."""
    about = {
        "model": "xlm-roberta-large",
        "intermediate": ["squad_v1", "qqp", "hellaswag"],
        "targets": [TYDIQA],
        "languages": ["ru", "sw"],
        "min_seeds": 3,
    }
    record: dict[str, Any] = {
        "id": "test",
        "text": "A claim.",
        "source": {"document": "a test", "basis": "read"},
        "kind": kind,
        "comparisons": [{"treatment": "squad_v1"}],
        "direction": "+" if kind in DIRECTED else "",
        "population": {**about, **(population or {})},
    }
    return Claim(**{**record, **fields})


def verdict(one: Claim, results: Results) -> ClaimResult:
    return judge_claim(one, results, resamples=300)
