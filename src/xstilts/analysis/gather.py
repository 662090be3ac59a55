"""Gather the records that a report is made from out of a plan and a store. Only score artefacts and run records are read."""

import hashlib
import re
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.analysis import formatting as fmt
from xstilts.analysis.costs import PHASES
from xstilts.analysis.encoder_sizes import body_weights, count_blocks
from xstilts.analysis.gains import reuses_target_data
from xstilts.analysis.results import (
    LEAK,
    Cell,
    ChainInfo,
    ConditionInfo,
    LanguageScore,
    LayerScore,
    Results,
    StageCost,
    TargetInfo,
)
from xstilts.analysis.treatments import gather_treatments
from xstilts.analysis.truth import find_truth
from xstilts.attacks.attack import WHOLE
from xstilts.data.language import LANGUAGES
from xstilts.errors import InputError
from xstilts.execution.execute import State, inspect
from xstilts.execution.freeze import read_frozen
from xstilts.execution.language_pairs import PairScore
from xstilts.plan.attack_stages import explain_misfit, explain_uncut
from xstilts.plan.compile import Plan, PlannedCell, short_name
from xstilts.plan.controls import RANDOM_INIT, Arm, arms
from xstilts.plan.design import identify_code, make_design
from xstilts.recipe.mixture import Mixture
from xstilts.recipe.recipe import Recipe
from xstilts.recipe.robust import describe_robust
from xstilts.stages.stage import FetchStage, PredictStage, Stage, TrainStage
from xstilts.store.store import DamagedArtefact, Store, read_json
from xstilts.study import NO_CHAIN, Study, Target
from xstilts.study.condition import Condition
from xstilts.tasks.registry import CATALOGUE, find_task

LAYER_RULES = {
    "first": "the first layer",
    "last": "the last layer",
    "jiant": "the layer of jiant's guide to X-STILTs, block 14 of 24, scaled to the encoder's depth",
    "xtreme": "the layer of XTREME's scripts, of 24 blocks the 14th for translations and the 20th for mining, scaled to depth",
}
VALUE_NAMES = {"f1": "F1", "em": "EM"}
POOLINGS = {
    "mean": "mean over all tokens, special tokens included",
    "mean_content": "mean over the tokens without the special ones",
    "cls": "the first token",
}


def gather(plan: Plan, store: Store, state: State | None = None) -> Results:
    """Everything that a report needs. `state` is that of the run that has just ended; without it the store is inspected."""
    made_now = state is not None
    state = state or inspect(plan, store, thorough=False)
    study = plan.study
    folders = state.folders
    cells = tuple(_cell(cell, store, folders, state) for cell in plan.cells)
    targets = tuple(_target(study, target, cells, plan) for target in study.targets)
    metrics = {metric.name: metric for target in study.targets if (metric := find_task(target.task).metric)}
    recipes = _recipes(study)
    phases = _phases(plan)
    costs = tuple(_cost(stage, plan, store, folders, state, made_now, phases) for stage in plan.stages)
    frozen = read_frozen(plan, store)
    spelled = "".join(sorted(stage.key for stage in plan.stages if stage.kind == "score"))
    return Results(
        study=study.name,
        question=study.question,
        encoders=tuple(short_name(e) for e in study.encoders),
        chains=tuple(map(_chain, arms(study))),
        targets=targets,
        seeds=study.seeds,
        limits={k: v for k, v in study.limits.model_dump().items() if v is not None},
        recipes=recipes,
        cells=cells,
        costs=costs,
        notes=(*plan.unresolved, *plan.notes, *state.messages, *_describe_bare_words(plan, costs)),
        retrieval=_retrieval(plan, cells, folders),
        layer=study.retrieval.layer,
        pooling=study.retrieval.pooling,
        centred=study.retrieval.centred,
        policy=_policy(recipes),
        version=version("xstilts"),
        made=time.strftime("%Y-%m-%d %H:%M"),
        fingerprint=hashlib.sha256(spelled.encode()).hexdigest()[:12],
        metrics=metrics,
        language_names={code: language.name for code, language in LANGUAGES.items()},
        sizes=_sizes(plan, folders),
        compare=tuple((one.chain, one.over) for one in study.compare),
        primary=study.primary,
        treatments=gather_treatments(plan, {cost.key: cost.facts for cost in costs}, folders),
        frozen=frozen,
        design=make_design(plan) if frozen else None,
        code=identify_code() if frozen else None,
        truth=find_truth(study),
        conditions=tuple(map(_condition, study.conditions)),
        attacked={
            condition.name: tuple(
                _cell(cell, store, folders, state) for cell in plan.attacked if cell.id.condition == condition.name
            )
            for condition in study.conditions
        },
        unattacked={(c.name, info.name): _explain_unattacked(c, info, plan) for c in study.conditions for info in targets},
    )


def _cell(cell: PlannedCell, store: Store, folders: dict[str, Any], state: State) -> Cell:
    languages: dict[str, LanguageScore] = {}
    layers: tuple[LayerScore, ...] = ()
    layer = None
    pairs: tuple[PairScore, ...] = ()
    folder = folders[cell.score.key]
    if state.status[cell.score.key] == "done":
        try:
            store.verify(folder)
        except DamagedArtefact as error:
            raise InputError(f"{error}; run the study again to make it anew") from None
        scores = read_json(folder / "out" / "scores.json")
        layer = scores["layer"]
        layers = tuple(LayerScore(**found) for found in scores["layers"])
        pairs = tuple(PairScore(**found) for found in scores.get("pairs", ()))
        task = find_task(cell.id.target)
        with np.load(folder / "out" / "tallies.npz", allow_pickle=False) as tallies:
            for language, found in scores["languages"].items():
                ids = merge_parallel(tallies[f"{language}.ids"], task.parallel_ids)
                counts = tallies[f"{language}.counts"]
                sizes = task.metric.count_examples(counts.sum(axis=0)) if task.metric else {}
                languages[language] = LanguageScore(
                    found["values"], found["headline"], ids, counts, found["baseline"], found.get("attack"), sizes
                )
    chain, control = (NO_CHAIN, cell.id.arm) if cell.id.arm == RANDOM_INIT.name else (cell.id.arm, "")
    place = (short_name(cell.id.encoder), chain, cell.id.target, cell.id.seed, control)
    return Cell(*place, languages, layers, layer, cell.score.key, cell.leak, pairs)


def merge_parallel(ids_N: NDArray[np.str_], pattern: str) -> NDArray[np.str_]:
    """The ids as `Task.parallel_ids` reads them, so that one sentence in several languages is one cluster."""
    if not pattern:
        return ids_N
    found = (re.fullmatch(pattern, id) for id in ids_N)
    return np.array([match[1] if match else id for match, id in zip(found, ids_N, strict=True)])


def _sizes(plan: Plan, folders: dict[str, Any]) -> dict[str, int]:
    """Encoder -> the weights of its blocks, if the store has the encoder."""
    found: dict[str, int] = {}
    for cell in plan.cells:
        name = short_name(cell.id.encoder)
        if name not in found:
            size = body_weights(folders[cell.start.key] / "out" / "encoder")
            found |= {name: size} if size else {}
    return found


def _phases(plan: Plan) -> dict[str, str]:
    """The phase of each training, by key. A training that is a chain's last phase and also a target's counts as the target's."""
    tuned = {cell.checkpoint.key for cell in plan.cells if find_task(cell.id.target).format.trained}
    depths: dict[str, int] = {}
    found = {}
    for stage in plan.stages:
        if isinstance(stage, TrainStage):
            depth = depths[stage.key] = depths.get(stage.inputs.init.key, 0) + 1
            first, second, third = PHASES
            found[stage.key] = third if stage.key in tuned else first if depth <= len(plan.study.pretrain) else second
    return found


def training_data(name: str) -> frozenset[str]:
    """The tasks whose training data are within a task's own: itself, its parts, what it contains, and so on for these."""
    task = find_task(name)
    return frozenset({name}).union(*(training_data(other) for other in (*task.parts, *task.contains)))


def list_training_texts(target: Target) -> frozenset[str]:
    """The tasks whose training data, or the same texts under other labels, a target is fine-tuned on."""
    if not find_task(target.task).format.trained:
        return frozenset()
    source = target.source
    same = {other for other, task in CATALOGUE.items() if source in task.same_texts}
    return training_data(source) | {*find_task(source).same_texts, *same}


def _chain(arm: Arm) -> ChainInfo:
    if arm.control == "compute":
        return ChainInfo(arm.name, (), (), "compute", arm.of)
    tasks = dict.fromkeys(held for m in arm.phases for task in m.mix for held in sorted(training_data(task)))
    return ChainInfo(arm.name, arm.phases, tuple(tasks), "placebo" if arm.placebo else "", arm.of)


def _target(study: Study, target: Target, cells: tuple[Cell, ...], plan: Plan) -> TargetInfo:
    task = find_task(target.task)
    metric = task.metric
    assert metric is not None
    score = next(cell.score for cell in plan.cells if cell.id.target == task.name)
    planned = score.config.languages
    gold = score.inputs.gold[planned[0]]
    assert isinstance(gold, FetchStage)
    source = target.train or task.trains_on or task.name
    names = [VALUE_NAMES.get(metric.values[i], metric.values[i]) for i in metric.main]
    tested = next((cell.languages.values() for cell in cells if cell.target == task.name and cell.languages), ())
    return TargetInfo(
        name=task.name,
        format=task.format.name,
        metric_name=metric.name,
        headline_name=f"mean of {' and '.join(names)}" if len(names) > 1 else names[0],
        values=metric.values,
        trains_on=source,
        languages=planned,
        missing=plan.missing.get(task.name, ()),
        chance=task.format.chance([len(found.ids_N) for found in tested]),
        license=task.license,
        cite=task.cite,
        url=task.url,
        notes=task.notes,
        training_data=list_training_texts(target),
        split=gold.config.split,
        margin=study.margin_of(task.name) / 100,
    )


def describe_shared_data(plan: Plan) -> str:
    """The chains of a plan that train on data of a target, or on the same texts, in a sentence; empty if there are none."""
    targets = [_target(plan.study, target, (), plan) for target in plan.study.targets]
    found: dict[tuple[str, ...], list[str]] = {}
    for chain in map(_chain, arms(plan.study)):
        reused = tuple(target.name for target in targets if reuses_target_data(chain, target))
        if reused and not chain.control:
            found.setdefault(reused, []).append(chain.name)
    pairs = "; ".join(f"{fmt.listed(chains)} with {fmt.listed(reused)}" for reused, chains in found.items())
    return f"chains that share texts with a target's data, whose gains there are not counted: {pairs}" if pairs else ""


def _condition(condition: Condition) -> ConditionInfo:
    attack = condition.find_attack()
    budget = attack.check_budget(condition.budget)
    strength = f"{fmt.count(condition.count, 'variant')} of each example"
    if attack.unit != WHOLE:
        strength += f", budget {budget:g} ({attack.unit})"
    words = (condition.name, attack.title, attack.description, attack.goal, strength, attack.cite, attack.name, attack.unit)
    return ConditionInfo(*words, budget, condition.count, condition.seed, attack.mixes_languages, attack.stands_alone)


def _explain_unattacked(condition: Condition, target: TargetInfo, plan: Plan) -> dict[str, str]:
    """Language of the target -> why the condition does not attack it."""
    attack, task = condition.find_attack(), find_task(target.name)
    whole = explain_misfit(attack, task, target.languages)
    if attack.cuts and not whole:
        uncut = [explain_uncut(start) for start in {cell.id.encoder: cell.start for cell in plan.cells}.values()]
        whole = uncut[0] if all(uncut) else ""  # an encoder whose words can be cut has scores
    return {code: reason for code in target.languages if (reason := whole or attack.excludes(code))}


def _recipes(study: Study) -> dict[str, dict[str, object]]:
    """Phase in words -> its recipe, each once. If the chains of the same tasks have different recipes, the chain is named."""
    found: dict[str, dict[str, object]] = {}
    for mixture in study.pretrain:
        found[f"pre-training on {' + '.join(mixture.mix)}"] = _recipe(study, mixture)
    for chain, phases in study.chains.items():
        for mixture in phases:
            name, recipe = f"intermediate training on {' + '.join(mixture.mix)}", _recipe(study, mixture)
            found[name if found.get(name, recipe) == recipe else f"{name} ({chain})"] = recipe
    for target in study.targets:
        task = find_task(target.task)
        if task.format.trained:
            source = target.train or task.trains_on or task.name
            name = f"fine-tuning for {task.name}" + (f" on {source}" if source != task.name else "")
            found[name] = _show(study.phase_recipe((source,), {}, task.name), (task.name,))
    return found


def _recipe(study: Study, mixture: Mixture) -> dict[str, object]:
    return _show(study.phase_recipe(mixture.mix, mixture.recipe), mixture.mix)


def _show(recipe: Recipe, tasks: Sequence[str]) -> dict[str, object]:
    """The fields that matter to these tasks; `robust`, if there is one, in words."""
    found = recipe.model_dump(exclude=_idle_fields(tasks) | {"robust"})
    return found if recipe.robust is None else {**found, "robust": describe_robust(recipe.robust)}


def _idle_fields(tasks: Sequence[str]) -> set[str]:
    """Fields of a recipe that no format of these tasks reads."""
    formats = [find_task(name).format for name in tasks]
    readers = {"mlm_rate": [f.self_supervised for f in formats], "word_state": [f.name == "tag" for f in formats]}
    return {name for name, reads in readers.items() if not any(reads)}


def _retrieval(plan: Plan, cells: Sequence[Cell], folders: dict[str, Any]) -> str:
    """How retrieval is scored, in words. Trained rankers have a setting of their own."""
    tasks = [find_task(target.task) for target in plan.study.targets]
    said = []
    if any(task.format.retrieval and not task.format.trained for task in tasks):
        setting = plan.study.retrieval
        layer = f"layer {setting.layer}" if isinstance(setting.layer, int) else LAYER_RULES[setting.layer]
        prefix = f'; "{setting.prefix}" before every sentence' if setting.prefix else ""
        centring = "each language's mean taken away" if setting.centred else "not centred"
        said.append(f"{layer}{_places(plan, cells, folders)}; {POOLINGS[setting.pooling]}{prefix}; {centring}; cosine")
    if ranked := [task.name for task in tasks if task.format.retrieval and task.format.trained]:
        said.append(f"{', '.join(ranked)} by the last layer's first token, as trained; cosine")
    return ". ".join(said)


def _places(plan: Plan, cells: Sequence[Cell], folders: dict[str, Any]) -> str:
    """The layers that were scored without training, such as " (12 of 12)"; "" where nothing has been scored yet."""
    found: dict[str, list[str]] = {}
    for planned, cell in zip(plan.cells, cells, strict=True):
        blocks = count_blocks(folders[planned.start.key] / "out" / "encoder")
        if cell.layer is not None and blocks and not find_task(cell.target).format.trained:
            names = found.setdefault(f"{cell.layer} of {blocks}", [])
            names += [name] if (name := f"{cell.target} with {cell.encoder}") not in names else []
    if len(found) < 2:
        return "".join(f" ({place})" for place in found)
    return f" ({'; '.join(f'{place} on {fmt.listed(names, 4)}' for place, names in found.items())})"


def _describe_bare_words(plan: Plan, costs: Sequence[StageCost]) -> Iterable[str]:
    """A sentence for each task of tags with languages in which many words are read off a piece with nothing in it. Runs of older
    versions did not record it."""
    found: dict[str, dict[str, float]] = {}
    for stage, cost in zip(plan.stages, costs, strict=True):
        if isinstance(stage, PredictStage):
            for language, share in cost.facts.get("bare_words", {}).items():
                own = found.setdefault(stage.config.task, {})
                own[language] = max(share, own.get(language, 0.0))
    for task, shares in found.items():
        told = fmt.listed(f"{100 * share:.0f} % in {language}" for language, share in sorted(shares.items(), key=lambda x: -x[1]))
        yield (
            f"{task}: many words are read at a first piece without letters ({told}), whose state says little about the word; "
            "`word_state: next` or `mean` in the recipe reads them elsewhere"
        )


def _policy(recipes: dict[str, dict[str, object]]) -> str:
    words = {
        "avg_last_k": "the mean of the weights at the last few evenly spaced points (no selection)",
        "en_dev": "the best weights on English dev data",
        "last": "the weights of the last step",
        "target_dev": f"the best weights on dev data of the target languages ({LEAK}; an upper bound)",
    }
    return "; ".join(words[p] for p in sorted({str(recipe["policy"]) for recipe in recipes.values()}))


def _cost(
    stage: Stage, plan: Plan, store: Store, folders: dict[str, Any], state: State, made_now: bool, phases: dict[str, str]
) -> StageCost:
    runs = store.runs(folders[stage.key])
    last: dict[str, Any] = next((run for run in reversed(runs) if run.get("outcome") == "done"), {})
    found = state.status[stage.key]
    status = "missing" if found in ("pending", "running", "elsewhere") else found
    error = state.errors[stage.key].error if stage.key in state.errors else ""
    if not error and status == "missing" and runs and runs[-1].get("outcome") == "failed":
        status, error = "failed", runs[-1]["error"]
    config = stage.config if isinstance(stage, FetchStage) else None
    return StageCost(
        kind=stage.kind,
        slug=stage.slug,
        key=stage.key,
        status=status,
        seconds=last.get("seconds"),
        peak_mib=last.get("peak_mib"),
        used_by=plan.uses[stage.key],
        made_before=stage.key in state.cached if made_now else True,
        error=error,
        runs=len(runs),
        phase=phases.get(stage.key, ""),
        inputs=tuple(dict.fromkeys(source.key for source in stage.parents)),
        facts=last.get("facts", {}),
        task=config.task if config else "",
        split=config.split if config else "",
        language=config.language if config else "",
    )
