"""The model card of an exported cell, README.md: front matter for the Hub, then text for people.

It says only what the plan and the store know. Scores are of this one cell, with intervals over its test examples.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import yaml

from xstilts.analysis import formatting as fmt
from xstilts.analysis.scores import CHANCE_MARGIN, ENGLISH
from xstilts.data.language import LANGUAGES
from xstilts.export.facts import TRAINING, LanguageRow, Uses, encoder_license, list_data, name_phases, read_scores
from xstilts.export.front import write_front
from xstilts.export.snippets import POOLINGS, templates, write_snippet
from xstilts.plan.cell import PlannedCell
from xstilts.plan.compile import Plan, short_name
from xstilts.plan.controls import RANDOM_INIT, arms
from xstilts.plan.design import identify_code
from xstilts.recipe.recipe import Recipe
from xstilts.recipe.robust import describe_robust
from xstilts.stages.contracts import EmbedConfig, FolderSource, HubSource, PredictConfig, RandomSource
from xstilts.stages.export import HEAD_FILE
from xstilts.stages.stage import EncoderStage, TrainStage
from xstilts.store.store import Store, read_json
from xstilts.study import NO_CHAIN
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task

POLICIES = {
    "last": "of the last step",
    "en_dev": "the best on English dev data",
    "avg_last_k": "the mean of the last points",
    "target_dev": "the best on dev data of the target languages (a leak)",
}
_SHOWN = {"lr", "batch", "epochs", "steps", "warmup", "max_length", "policy"}


def write_card(plan: Plan, store: Store, cell: PlannedCell, config: PredictConfig | EmbedConfig, folder: Path, loads: str) -> str:
    """README.md of a cell whose weights are in `folder`, for the class `loads`. `config` is that of the stage that predicted or
    embedded. Raises InputError if the score of the cell is damaged."""
    study, task = plan.study, find_task(cell.id.target)
    assert task.metric is not None
    rows = read_scores(store, cell, task)
    uses = list_data(cell, task)
    own = encoder_license(cell.start)
    setting = cell.score.config.retrieval
    encoder = short_name(cell.id.encoder)
    front = write_front(cell, task, rows, uses, own)
    phases = name_phases(plan, cell)
    fields = {
        "front": yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1000),
        "title": ", ".join((encoder, cell.id.arm, cell.id.target, f"seed {cell.id.seed}")),
        "summary": f"One cell of the study `{study.name}`: encoder `{encoder}`, chain `{cell.id.arm}`, target `{cell.id.target}` "
        f"({task.format.title}), seed {cell.id.seed}.",
        "question": " ".join(study.question.split()),
        "steps": [_describe_encoder(cell.start), *(_describe_training(stage, phase) for stage, phase in phases)],
        "recipes": _write_recipes(phases, store),
        "data": _write_data(uses),
        "scores": _write_scores(cell, task, rows),
        "loads": loads,
        "usage": _describe_use(config, folder, task, cell, store),
        "snippet": write_snippet(folder, loads, config, setting),
        "licences": _write_licences(front.get("license"), uses, own, cell.start),
        "limits": list(_list_limits(plan, cell, rows, config)),
        "code": identify_code(),
        "key": cell.checkpoint.key,
    }
    return templates().get_template("card.md.j2").render(fields)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    cells = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in cells)


def _describe_encoder(start: EncoderStage) -> str:
    match start.config.source:
        case HubSource(id=id, revision=revision):
            return f"Encoder: [{id}](https://huggingface.co/{id}), commit `{revision}`."
        case FolderSource():
            return (
                f"Encoder: `{start.title}`, from a local folder. If it is on the Hub, add `base_model: OWNER/NAME` to the front "
                "matter of this card."
            )
        case RandomSource():
            like = start.inputs.like
            assert isinstance(like, EncoderStage)
            return f"Encoder: the architecture of `{like.title}` with random weights. (This is a control.)"
        case _:
            return f"Encoder: `{start.title}`, from random weights and with a vocabulary of its own."


def _describe_training(stage: TrainStage, phase: str) -> str:
    tasks = []
    for name, found in stage.inputs.train.items():
        others = [code for code in found if code != ENGLISH]
        tasks.append(f"`{name}`" + (f" ({fmt.listed(list(found), 8)})" if others else ""))
    text = f"{phase.capitalize()} on {' + '.join(tasks)}"
    if stage.config.labels == "shuffled":
        text += ", with shuffled labels (a placebo)"
    if stage.inputs.match:
        text += ", longer by as many tokens as a chain saw (a compute-matched control)"
    return f"{text}."


def _write_recipes(phases: Sequence[tuple[TrainStage, str]], store: Store) -> str:
    head = ("step", "learning rate", "batch", "length", "tokens a row", "warm-up", "weights kept", "other fields")
    rows = []
    for number, (stage, _) in enumerate(phases, start=2):
        recipe, made = stage.config.recipe, store.folder(stage.kind, stage.slug, stage.key)
        record = read_json(made / "out" / "train.json") or {}
        steps = record.get("steps") or recipe.steps
        long = f"{steps:,} steps" if steps else f"{recipe.epochs:g} epochs"
        idle = _SHOWN | _idle_fields(stage)
        extra = {n: v for n, v in recipe.model_dump().items() if n not in idle and v != Recipe.model_fields[n].default}
        if recipe.robust is not None:
            extra["robust"] = describe_robust(recipe.robust)
        others = ", ".join(f"{name} {value}" for name, value in extra.items()) or fmt.NOTHING
        numbers = (f"{recipe.lr:g}", recipe.batch, long, recipe.max_length, f"{100 * recipe.warmup:g} %")
        rows.append((number, *numbers, POLICIES[recipe.policy], others))
    return _table(head, rows) if rows else ""


def _idle_fields(stage: TrainStage) -> set[str]:
    """Fields of a recipe that no format of a training reads."""
    formats = {task.format.name for task in stage.config.tasks}
    return {name for name, reader in (("stride", "span"), ("word_state", "tag"), ("mlm_rate", "mlm")) if reader not in formats}


def _write_data(uses: Uses) -> str:
    rows = []
    for (name, purpose), languages in uses.items():
        task = find_task(name)
        title = f"[{name}]({task.url})" if task.url else name
        rows.append((title, purpose, fmt.listed(list(languages), 12), task.license, task.cite or fmt.NOTHING))
    return _table(("task", "used for", "languages", "licence", "source"), rows)


def _write_scores(cell: PlannedCell, task: Task, rows: Sequence[LanguageRow]) -> str:
    metric = task.metric
    assert metric is not None
    if not rows:
        return f"The store has no scores of this model yet (`{cell.score.slug}`): run the study, and export again."
    mean = " and ".join(metric.values[i] for i in metric.main)
    lone = len(metric.values) == 1
    head = ("language", *(() if lone else metric.values), metric.values[0] if lone else f"headline ({mean})", "95 %", "examples")
    table = []
    for row in rows:
        values = () if lone else (fmt.score(row.values[value]) for value in metric.values)
        interval = fmt.bracket(row.low, row.high)
        name = f"{LANGUAGES[row.code].name} ({row.code})"
        table.append((name, *values, fmt.score(row.headline), interval, f"{row.examples:,}"))
    if others := [row.headline for row in rows if row.code != ENGLISH]:
        blank = () if lone else [""] * len(metric.values)
        table.append(("mean without English", *blank, fmt.score(float(np.mean(others))), "", ""))
    text = f"Metric: {metric.name}, 0 to 100. Intervals are over the test examples of this model, not over seeds."
    return f"{text}\n\n{_table(head, table)}"


def _describe_use(config: PredictConfig | EmbedConfig, folder: Path, task: Task, cell: PlannedCell, store: Store) -> str:
    told = []
    if isinstance(config, EmbedConfig):
        setting = cell.score.config.retrieval
        assert setting is not None
        told.append(
            "It was scored by comparing vectors, so it has no head. The code makes the vectors that were scored: "
            f"{POOLINGS[setting.pooling]}" + (f', with "{config.prefix}" before each text' if config.prefix else "") + "."
        )
        told.append("(Transformers may say that a pooler is missing; nothing here reads one.)")
        if task.format.mining:
            told.append(_describe_mining(cell, store))
        return " ".join(told)
    if (folder / HEAD_FILE).is_file():
        told.append(f"Transformers has no head for it that computes the same, so the weights of the head are in `{HEAD_FILE}`.")
    told.append("The code predicts as the study did.")
    if task.format.name == "span":
        told.append("(Transformers 5 has no pipeline for question answering.)")
    if task.format.name == "tag" and config.recipe.word_state != "first":
        told.append(
            f"A word's tag is read as `word_state: {config.recipe.word_state}` of the config says; the pipeline of transformers "
            "reads the first token and gives other tags."
        )
    return " ".join(told)


def _describe_mining(cell: PlannedCell, store: Store) -> str:
    stage = cell.score
    record = read_json(store.folder(stage.kind, stage.slug, stage.key) / "out" / "scores.json") or {"languages": {}}
    found = {code: known["threshold"] for code, known in record["languages"].items() if "threshold" in known}
    thresholds = ", ".join(f"{code} {value:.4f}" for code, value in found.items())
    text = "Pairs were mined by the ratio margin over the 4 nearest neighbours of each side, above a threshold from dev data"
    known = f"{text} ({thresholds})" if thresholds else text
    return f"{known}. Texts that occur more than once in a pool take part in the search and in no pair."


def _write_licences(license: str | None, uses: Uses, own: str, start: EncoderStage) -> str:
    if license is None:
        return "Neither the encoder nor the data have a licence by others; choose one for the weights."
    trained = {name: find_task(name).license for name, purpose in uses if purpose == TRAINING}
    listed = [f"`{name}`: {text}" for name, text in trained.items()]
    if own:
        source = start.config.source
        where = f" (see [its page](https://huggingface.co/{source.id}))" if isinstance(source, HubSource) else ""
        listed.insert(0, f"the encoder `{start.title}`: {own}{where}")
    if license != "other":
        return f"All that the weights were made from is under {license}: {'; '.join(listed)}."
    text = (
        f"The weights were made from parts under several licences, or under terms that no short name says: {'; '.join(listed)}."
    )
    if any("-nc" in given.lower() or "non-commercial" in given.lower() for given in (*trained.values(), own)):
        text += " Some of them exclude commercial use."
    return f"{text} Check them before you publish the weights, and then name their licence in the front matter of this card."


def _list_limits(
    plan: Plan, cell: PlannedCell, rows: Sequence[LanguageRow], config: PredictConfig | EmbedConfig
) -> Iterable[str]:
    study = plan.study
    if len(study.seeds) > 1:
        others = "What the study concludes rests on all of them, and is in its report, not here."
        yield f"This is one seed of {len(study.seeds)}. {others}"
    else:
        yield "The study has one seed, and one seed decides nothing about a chain: another may give other scores."
    arm = next((arm for arm in arms(study) if arm.name == cell.id.arm), RANDOM_INIT)
    if arm.control or arm.placebo:
        yield f"The arm `{cell.id.arm}` is a control of the study, made for comparison and not for use."
    elif cell.id.arm == NO_CHAIN:
        yield "It had no intermediate training: it is what the chains of the study are compared with."
    if cell.leak:
        yield "Weights were chosen on dev data of the target languages, so the scores are upper bounds, not zero-shot transfer."
    near = [LANGUAGES[r.code].name for r in rows if r.baseline is not None and r.headline - r.baseline <= CHANCE_MARGIN]
    if near:
        yield f"In {fmt.listed(near)} it scores hardly better than the best rule that reads nothing: do not use it there."
    if limits := study.limits.model_dump(exclude_none=True):
        told = ", ".join(f"{count:,} {split} examples" for split, count in limits.items())
        yield f"The study took at most so many examples of each task and language: {told}."
    if missing := plan.missing.get(cell.id.target, ()):
        yield f"It was not scored in {fmt.listed(list(missing))}: there were no data."
    precision = config.precision if isinstance(config, EmbedConfig) else config.recipe.precision
    if precision == "bf16":
        yield "The study predicted in bfloat16; the code here uses fp32, which may answer a few examples otherwise."
    yield "It was tested on nothing but the data above: not on other languages or kinds of text, and not for bias or safety."
