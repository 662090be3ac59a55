"""What differs between a paper and a study that covers some of its cells, in sentences."""

from collections.abc import Iterator, Mapping, Sequence

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import Results
from xstilts.claims.published.compare import PublishedComparison
from xstilts.claims.published.tables import PublishedPaper, PublishedPhase
from xstilts.tasks.registry import find_task

MOST_LISTED = 4


def count_languages(paper: PublishedPaper, target: str) -> int:
    """How many languages the paper averages, as we count: of a pair of languages only the one that is not English."""
    return paper.targets[target].languages - ("en" not in find_task(target).languages)


def describe_population(paper: PublishedPaper, results: Results, found: Sequence[PublishedComparison]) -> tuple[str, ...]:
    """A sentence for each part of the set-up, theirs and ours."""
    return tuple(
        sentence for describe in (_encoder, _data, _seeds, _recipes, _selection) for sentence in describe(paper, results, found)
    )


def _encoder(paper: PublishedPaper, results: Results, found: Sequence[PublishedComparison]) -> Iterator[str]:
    names = dict.fromkeys(one.encoder for one in found)
    sizes = (f"{name} ({fmt.weights(results.sizes[name])} weights)" if name in results.sizes else name for name in names)
    yield f"Encoder: theirs is {paper.encoder}, ours {fmt.listed(sizes)}."


def _data(paper: PublishedPaper, results: Results, found: Sequence[PublishedComparison]) -> Iterator[str]:
    yield (
        "Metric: as theirs, the mean over all languages, English included; of question answering the mean of F1 and EM. So these "
        "are not the transfer gains of this report, which leave English out."
    )
    fewer = {one.cell.target: (len(one.languages), count_languages(paper, one.cell.target)) for one in found}
    told = [f"{target} ({ours} of {theirs})" for target, (ours, theirs) in fewer.items() if ours != theirs]
    if told:
        yield f"Languages: not the same number for {fmt.listed(told)}."
    if results.limits:
        limits = fmt.listed(f"{name} {most:,}" for name, most in results.limits.items())
        yield f"Examples: theirs are whole, ours limited ({limits})."
    covered = {one.cell.target for one in found}
    for target in results.targets:
        usual = (find_task(target.name).trains_on if target.name in covered else "") or target.name
        if target.name in covered and target.trained and target.trains_on not in ("", usual):
            yield f"Training data: theirs of {target.name} are {usual}, ours {target.trains_on}."


def _seeds(paper: PublishedPaper, results: Results, found: Sequence[PublishedComparison]) -> Iterator[str]:
    yield f"Seeds: ours {len(results.seeds)}; their number was not found, and a published value has no interval of its own."


def _recipes(paper: PublishedPaper, results: Results, found: Sequence[PublishedComparison]) -> Iterator[str]:
    settings, told = paper.settings, []
    rows = {one.cell.row.id: one.cell.row for one in found if one.cell.row.tasks}
    for row in rows.values():
        tasks = row.tasks or ()
        phase = settings.intermediate.phases.get(tasks[0] if len(tasks) == 1 else "multi")
        lr = settings.intermediate.lr_with_mlm if row.mlm else settings.intermediate.lr
        for name, recipe in results.recipes.items():
            mixed = name.removeprefix("intermediate training on ").partition(" (")[0].split(" + ")
            text = [task for task in mixed if task not in tasks]
            if (
                name.startswith("intermediate training on ")
                and {*mixed} - {*text} == {*tasks}
                and bool(text) == row.mlm
                and phase
            ):
                told += _differences(name, recipe, phase, lr)
    for target in dict.fromkeys(one.cell.target for one in found):
        for name, recipe in results.recipes.items():
            if target in settings.target.phases and name.partition(" on ")[0] == f"fine-tuning for {target}":
                told += _differences(name, recipe, settings.target.phases[target], settings.target.lr)
    if told:
        yield f"Recipes: {fmt.listed(told, MOST_LISTED)}."


def _differences(name: str, recipe: Mapping[str, object], theirs: PublishedPhase, lr: float) -> list[str]:
    """The settings of a phase that differ, ours first; nothing if none does."""
    steps = recipe.get("steps")
    ours = {"lr": recipe.get("lr"), "batch": recipe.get("batch"), "epochs": None if steps else recipe.get("epochs")}
    read = {"lr": lr, "batch": theirs.batch, "epochs": theirs.epochs}
    parts = [
        f"{field} {ours[field]:g} (theirs {value:g})"  # type: ignore[str-format]
        for field, value in read.items()
        if value is not None and ours[field] is not None and ours[field] != value
    ]
    parts += [f"{steps} steps (theirs {theirs.epochs:g} epochs)"] if steps else []
    return [f"{name}: {', '.join(parts)}"] if parts else []


def _selection(paper: PublishedPaper, results: Results, found: Sequence[PublishedComparison]) -> Iterator[str]:
    if results.policy:
        yield f"Checkpoint: theirs by {paper.settings.selection}, ours {results.policy}."
    if results.retrieval and any(not find_task(one.cell.target).format.trained for one in found):
        yield f"Retrieval: theirs {paper.settings.retrieval}; ours {results.retrieval}."
