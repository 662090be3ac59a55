"""The design of a study: what is decided before a run, as a plan resolves it, in a form that can be frozen and compared later.

It has no date and no result. Recipes stand in it as they are resolved, so that a preset that changes is seen, and the key of
each score stands for everything else that decides it: data, encoder, versions of stages. A key that is not known yet (data that
are not at hand, a branch of the Hub) is left out.
"""

import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import Field

import xstilts
from xstilts.data.yaml_records import LATER, Record, unset_later_fields
from xstilts.plan.compile import Plan, short_name
from xstilts.recipe.mixture import Mixture
from xstilts.recipe.recipe import Recipe
from xstilts.stages.contracts import FolderSource, HubSource
from xstilts.stages.stage import EncoderStage, FetchStage, Stage
from xstilts.store.fingerprint import compute_key
from xstilts.study import NO_CHAIN, Study, Target, is_primary
from xstilts.tasks.files.locate import select_scored_split
from xstilts.tasks.registry import find_task

COMMIT_DIGITS = 40
Pair = tuple[str, str]  # chain and target
Phase = dict[str, Any]  # a mixture with its whole recipe


class TargetDesign(Record):
    """`train`: the task on whose training data it is fine-tuned. `margin`: in points. `recipe`: that of the fine-tuning, or how
    sentences are compared if there is none."""

    train: str
    split: str
    languages: tuple[str, ...]
    margin: float
    recipe: dict[str, Any]


class DesignedScore(Record):
    """A cell of the grid and the key of its score."""

    encoder: str
    arm: str
    target: str
    seed: int
    key: str


class Design(Record):
    """See the module. `primary` are the pairs that the answer rests on, resolved. `compare`: chain -> the chains that it is
    compared with, e.g. ("a", "b+c"). `cells`: how many the grid has; `scores` are those with a known key.
    `conditions`: the attacks on the test data, each with its version."""

    study: str
    question: str
    encoders: tuple[str, ...]
    seeds: tuple[int, ...]
    pretrain: tuple[Phase, ...]
    chains: dict[str, tuple[Phase, ...]]
    controls: tuple[str, ...]
    compare: tuple[Pair, ...]
    targets: dict[str, TargetDesign]
    primary: tuple[Pair, ...]
    limits: dict[str, int]
    cells: int
    scores: tuple[DesignedScore, ...]
    conditions: tuple[str, ...] = Field((), json_schema_extra=LATER)

    @property
    def sha256(self) -> str:
        """The hash that identifies it."""
        return compute_key(self.record())

    def record(self) -> dict[str, Any]:
        """As JSON. Later fields are left out at their default, so that older records keep their hash."""
        return self.model_dump(mode="json", exclude=unset_later_fields(self))


def make_design(plan: Plan) -> Design:
    """The design of a plan."""
    study = plan.study
    open_keys = _find_open_keys(plan.stages)
    return Design(
        study=study.name,
        question=study.question,
        encoders=tuple(map(short_name, study.encoders)),
        seeds=study.seeds,
        pretrain=_write_phases(study, study.pretrain),
        chains={name: _write_phases(study, chain) for name, chain in study.chains.items()},
        controls=study.controls,
        compare=tuple((one.chain, "+".join(one.over)) for one in study.compare),
        targets={target.task: _write_target(plan, target) for target in study.targets},
        primary=_resolve_primary(study),
        limits={name: most for name, most in study.limits.model_dump().items() if most is not None},
        cells=len(plan.cells),
        scores=tuple(
            DesignedScore(encoder=short_name(one.encoder), arm=one.arm, target=one.target, seed=one.seed, key=cell.score.key)
            for cell in plan.cells
            if (one := cell.id) and cell.score.key not in open_keys
        ),
        conditions=tuple(f"{one.name} (version {one.find_attack().version})" for one in study.conditions),
    )


def _resolve_primary(study: Study) -> tuple[Pair, ...]:
    pairs = [(chain, target.task) for chain in study.chains if chain != NO_CHAIN for target in study.targets]
    return tuple(pair for pair in pairs if is_primary(study.primary, *pair))


def _write_phases(study: Study, chain: Iterable[Mixture]) -> tuple[Phase, ...]:
    return tuple(
        mixture.model_dump(mode="json", exclude={"recipe"})
        | {"recipe": _write_recipe(study.phase_recipe(mixture.mix, mixture.recipe))}
        for mixture in chain
    )


def _write_recipe(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude=unset_later_fields(recipe))


def _write_target(plan: Plan, target: Target) -> TargetDesign:
    study, task = plan.study, find_task(target.task)
    languages = next(cell.score.config.languages for cell in plan.cells if cell.id.target == task.name)
    recipe = study.retrieval.model_dump(mode="json", exclude={"sweep"})
    if task.format.trained:
        recipe = _write_recipe(study.phase_recipe((target.source,), {}, task.name))
    return TargetDesign(
        train=target.source if task.format.trained else "",
        split=select_scored_split(task, study.split),
        languages=languages,
        margin=study.margin_of(task.name),
        recipe=recipe,
    )


def _find_open_keys(stages: Iterable[Stage]) -> set[str]:
    """The keys that will change when what a draft left open is settled. Inputs come before what needs them."""
    found: set[str] = set()
    for stage in stages:
        if _is_open(stage) or any(parent.key in found for parent in stage.parents):
            found.add(stage.key)
    return found


def _is_open(stage: Stage) -> bool:
    if isinstance(stage, FetchStage):
        source = stage.config.source
        return "nowhere" in (source.values() if isinstance(source, Mapping) else (source,))
    if isinstance(stage, EncoderStage):
        match stage.config.source:
            case FolderSource(files="nowhere"):
                return True
            case HubSource(revision=revision):
                return len(revision) != COMMIT_DIGITS
    return False


class CodeVersion(Record):
    """The version of the package, and the commit of a checkout, with "-dirty" if its files were changed since. "" elsewhere."""

    version: str
    commit: str = ""

    def __str__(self) -> str:
        digits, _, dirty = self.commit.partition("-")
        return f"xstilts {self.version}" + (f", commit {digits[:12]}{' with changes' if dirty else ''}" if digits else "")


def identify_code() -> CodeVersion:
    """The code that runs now."""
    root = Path(xstilts.__file__).parents[2]
    if not (root / ".git").exists():  # installed, perhaps below a repository of somebody else
        return CodeVersion(version=version("xstilts"))
    words = ["git", "-C", str(root), "describe", "--always", "--dirty", f"--abbrev={COMMIT_DIGITS}", "--exclude", "*"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return CodeVersion(version=version("xstilts"))
    return CodeVersion(version=version("xstilts"), commit=done.stdout.strip() if done.returncode == 0 else "")
