"""Evidence: what a study's artefacts hold for or against a claim, measured, with everything that qualifies it.

Nothing is judged here (`verdict.py` does that), and no number comes from the literature. If the runs contradict a field of the
claim's population, the claim is `outside` what they can say. If something about them may change what is true (another encoder,
limits, a mean over fewer languages), it `differs`, and a verdict can only be one by proxy. If only some of a claim's comparisons
are there, they are `fewer`: a counterexample among them still counts.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.comparison import describe_unpaired
from xstilts.analysis.costs import PHASES
from xstilts.analysis.gather import LAYER_RULES
from xstilts.analysis.pooled_comparison import PooledComparison, measure_pooled
from xstilts.analysis.results import Cell, Results
from xstilts.analysis.retrieval_sweep import average_accuracies
from xstilts.claims.record import Claim
from xstilts.claims.search import PlannedComparison, Search, explain_absence
from xstilts.claims.selection import Standing, Unusable, compute_standing, pool_sides
from xstilts.formats.registry import FORMATS
from xstilts.metrics.significance import Interval, Sides, interaction_interval
from xstilts.tasks.files.locate import select_scored_split
from xstilts.tasks.registry import find_task

RECIPE_FIELDS = ("lr", "epochs", "steps", "batch")


@dataclass(frozen=True)
class Artefact:
    """A stage's key, and the sha256 of what was read out of it: a claim is tied to bytes, not to a name."""

    key: str
    content: str


@dataclass(frozen=True)
class MeasuredGain:
    """The gain of one comparison. `reported` is the gain that the source reports; gains are 0-1. `target` is "" for a mean over
    targets."""

    name: str
    interval: Interval
    reported: float | None = None
    target: str = ""


@dataclass(frozen=True)
class Observation:
    """How many examples a data set has: `found` in the copy that was read, `expected` by the claim. `whole`: the copy is known to
    be all of the official data. `note` says where it was found."""

    name: str
    expected: int
    found: int
    whole: bool = False
    note: str = ""


@dataclass(frozen=True)
class Evidence:
    """See the module. `asked` is how many comparisons or entries the claim is about; `missing` says why some could not be made.
    `notes` are what else a reader must know. `standing` belongs to a ranking. `population` says in words what was measured."""

    outside: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    fewer: tuple[str, ...] = ()
    measured: tuple[MeasuredGain, ...] = ()
    observed: tuple[Observation, ...] = ()
    asked: int = 0
    seeds: int = 0
    coverage: str = ""
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    artefacts: tuple[Artefact, ...] = ()
    standing: Standing | None = None
    population: str = ""


def gather_evidence(claim: Claim, results: Results, resamples: int) -> Evidence:
    """The evidence for or against a claim about gains."""
    if outside := _find_contradictions(claim, results):
        return Evidence(outside=outside)
    encoder, other = _choose_encoder(claim, results)
    search = Search(claim, results, encoder)
    search.run()
    smaller = None
    if claim.than:
        smaller = Search(claim, results, next((name for name in results.encoders if name.lower() == claim.than.lower()), ""))
        smaller.run()
    made, missing = _pool(search, smaller)
    measured = _measure(made, resamples)
    rows = set.intersection(*(set(pooled.rows) for _, pooled, _ in made)) if made else set()
    if "target" in claim.each:
        rows = {row for _, pooled, _ in made for row in pooled.rows}
    asked_rows = {(target, code) for target in claim.population.targets for code in claim.population.languages_of(target)}
    found_targets = [target for target in claim.population.targets if any(target == row[0] for row in rows)]
    seeds = min((len(one.seeds) for _, *sides in made for one in sides if one), default=0)
    differs = [*other, *search.differs, *_describe_differences(claim, results, found_targets)]
    absent = [target for target in claim.population.targets if target not in found_targets]
    if absent and found_targets:
        of = fmt.count(len(claim.population.targets), "target")
        lacks = f"{len(found_targets)} of {of} (without {fmt.listed(absent, 4)})"
        (search.fewer if "target" in claim.each else differs).append(lacks)
    lacking = [f"{target}/{code}" for target, code in sorted(asked_rows - rows) if target in found_targets]
    if lacking:
        differs.append(f"{len(rows)} of {fmt.count(len(asked_rows), 'target-language pair')} (without {fmt.listed(lacking, 4)})")
    targets, pairs = (len(found_targets), len(claim.population.targets)), (len(rows), len(asked_rows))
    parts = {"comparison": (len(measured), search.asked), "target": targets, "target-language pair": pairs}
    coverage = ", ".join(f"{have} of {fmt.count(of, noun)}" for noun, (have, of) in parts.items())
    return Evidence(
        differs=tuple(differs),
        fewer=tuple(search.fewer),
        measured=tuple(measured),
        asked=search.asked,
        seeds=seeds,
        coverage=f"{coverage}, {fmt.count(seeds, 'seed')}",
        missing=tuple(missing) or (() if made else (explain_absence(search),)),
        notes=tuple(dict.fromkeys(search.notes)),
        artefacts=find_artefacts(results, [key for planned, *sides in made for key in (*_list_keys(sides), *planned.keys)]),
        standing=compute_standing(search.ranked, claim.best, search.languages, results, resamples) if made else None,
        population=_describe_population(claim, results, encoder) if made else "",
    )


Made = tuple[PlannedComparison, PooledComparison, PooledComparison | None]  # the last with the claim's other encoder


def _pool(search: Search, smaller: Search | None) -> tuple[list[Made], list[str]]:
    """The comparisons that can be made, and why the others cannot."""
    made: list[Made] = []
    missing: list[str] = []
    others = {planned.name: planned for planned in smaller.found} if smaller else {}
    for planned in search.found:
        try:
            pooled, near = pool_sides(planned.name, planned.pairs, planned.languages, search.results)
            other = None
            if smaller:
                if planned.name not in others:
                    raise Unusable(f"{planned.name}: nothing to compare it with under {search.claim.than}")
                other, more = pool_sides(planned.name, others[planned.name].pairs, planned.languages, search.results)
                near += more
                if other.rows != pooled.rows or len(other.pairs) != len(pooled.pairs):
                    raise Unusable(f"{planned.name}: {search.claim.than} has other tasks, targets or languages")
        except Unusable as reason:
            missing.append(str(reason))
            continue
        made.append((planned, pooled, other))
        search.notes += [f"{planned.name}: {clause}" for clause in near]
        if unpaired := sum(one.unpaired_rows(one.languages) for pair in pooled.pairs for one in pair):
            search.notes.append(f"{planned.name}: {describe_unpaired(unpaired)}")
        if search.claim.kind == "comparison":
            search.notes += _describe_sweeps(pooled, search.results)
    return made, missing


def _measure(made: Sequence[Made], resamples: int) -> list[MeasuredGain]:
    """The gain of each, or how much larger it is than with the other encoder."""
    plain = measure_pooled([pooled for _, pooled, other in made if other is None], resamples)
    contrasts = [
        interaction_interval(_list_sides(pooled), _list_sides(other), pooled.headline, resamples=resamples)
        for _, pooled, other in made
        if other is not None
    ]
    intervals = plain or contrasts  # a claim has one kind
    return [
        MeasuredGain(planned.name, interval, planned.reported, planned.target)
        for (planned, *_), interval in zip(made, intervals, strict=True)
    ]


def _list_sides(pooled: PooledComparison) -> Sides:
    return pooled.tallies("treatment"), pooled.tallies("control")


def _list_keys(sides: Iterable[PooledComparison | None]) -> list[str]:
    return [key for one in sides if one for key in one.keys]


def _describe_population(claim: Claim, results: Results, encoder: str) -> str:
    """Encoder, what the chains were trained with, and how they were scored."""
    by_recipe: dict[str, list[str]] = {}
    for name, recipe in results.recipes.items():
        if name.startswith(PHASES[1]):
            fields = ", ".join(f"{field} {recipe[field]}" for field in RECIPE_FIELDS if recipe.get(field) is not None)
            by_recipe.setdefault(fields, []).append(name.removeprefix(f"{PHASES[1]} on "))
    recipes = [f"{PHASES[1]} with {fields} ({fmt.listed(names, 4)})" for fields, names in by_recipe.items() if fields]
    limits = [f"{limit:,} {split} examples" for split, limit in results.limits.items()]
    splits = dict.fromkeys(info.split for info in results.targets if info.name in claim.population.targets)
    scored = f"scored on {fmt.listed(splits)}" + (f", at most {fmt.listed(limits)}" if limits else "")
    names = [encoder, *([claim.than] if claim.than else [])]
    return "; ".join([fmt.listed(names), *recipes, scored, f"weights: {results.policy}"])


def _find_contradictions(claim: Claim, results: Results) -> tuple[str, ...]:
    """The fields of the population that the runs contradict, one clause each."""
    population = claim.population
    found = []
    for info in results.targets:
        if population.split and info.name in population.targets:
            wanted = select_scored_split(find_task(info.name), population.split)
            if info.split != wanted:
                found.append(
                    f"split: the claim is about {population.split} data, this study scores {info.name} on {info.split} "
                    f"(`split: {population.split}` would be that)"
                )
                break
    policies = sorted({str(recipe.get("policy", "")) for recipe in results.recipes.values()} - {""})
    if population.policy and policies and policies != [population.policy]:
        found.append(f"policy: the claim is about {population.policy}, this study's is {fmt.listed(policies)}")
    searched = [info.name for info in results.targets if FORMATS[info.format].retrieval and info.name in population.targets]
    if population.retrieval and searched:
        setting = population.retrieval
        if setting.layer != results.layer:
            layers = [f"layer {x}" if isinstance(x, int) else LAYER_RULES[x] for x in (setting.layer, results.layer)]
            found.append(f"retrieval: the claim is about {layers[0]}; this study scores {layers[1]}")
        fields = {"pooling": (setting.pooling, results.pooling), "centring": (setting.centred, results.centred)}
        found += [f"retrieval: {name} is {a} in the claim and {b} in this study" for name, (a, b) in fields.items() if a != b]
    return tuple(found)


def _choose_encoder(claim: Claim, results: Results) -> tuple[str, list[str]]:
    """The encoder that the claim is about; if the study has it not, its first encoder and a clause that says so."""
    wanted = claim.population.model
    exact = next((name for name in results.encoders if name.lower() == wanted.lower()), None)
    if exact or not wanted:
        return exact or results.encoders[0], []
    return results.encoders[0], [f"the encoder is {results.encoders[0]}, not {wanted}"]


def _describe_differences(claim: Claim, results: Results, found: Sequence[str]) -> list[str]:
    """In what else the runs differ from what the claim is about, so that another outcome may be true of them."""
    said = []
    if results.limits:
        most = fmt.listed(f"{limit:,} {split}" for split, limit in results.limits.items())
        said.append(f"limited to {most} examples")
    if claim.population.model and any(cost.phase == PHASES[0] for cost in results.costs):
        said.append("the encoder has a pre-training of this study's own")
    for info in results.targets:
        usual = find_task(info.name).trains_on if info.name in found else ""
        if usual and info.trains_on != usual:
            said.append(f"{info.name} is fine-tuned on {info.trains_on}, not {usual}")
    return said


def _describe_sweeps(pooled: PooledComparison, results: Results) -> list[str]:
    """Whether a retrieval gain depends on the layer or on centring: the same gain at other settings, without intervals."""
    said = []
    for own in sorted(zip(*pooled.pairs, strict=True), key=lambda own: own[0].target.name):
        if not FORMATS[own[0].target.format].layer_sweep:
            continue
        sides = ([cell for one in own for cell in one.treatment], [cells[0] for one in own for cells in one.control])
        scores = [
            {at: score for at, score in average_accuracies(cells, own[0].languages).items() if at.pooling == results.pooling}
            for cells in sides
        ]
        if not all(scores):
            continue
        best = {
            centred: [max(score for at, score in side.items() if at.centred == centred) for side in scores]
            for centred in (False, True)
        }
        plain, centred = (fmt.points(best[kind][0] - best[kind][1]) for kind in (False, True))
        said.append(
            f"{own[0].target.name}, each side at its own best layer (chosen on the same data, so no test): {plain} points, "
            f"{centred} centred"
        )
    return said


def find_artefacts(results: Results, keys: Iterable[str]) -> tuple[Artefact, ...]:
    """The score artefacts with these keys, each once, with the sha256 of their tallies."""
    wanted = list(dict.fromkeys(keys))
    by_key: Mapping[str, Cell] = {cell.key: cell for cell in results.cells}
    return tuple(Artefact(key, _hash_scores(by_key[key])) for key in wanted if key in by_key)


def _hash_scores(cell: Cell) -> str:
    digest = hashlib.sha256()
    for code, score in sorted(cell.languages.items()):
        digest.update(f"{code} {score.counts_NC.shape}".encode())
        digest.update("\n".join(score.ids_N.tolist()).encode())
        digest.update(np.ascontiguousarray(score.counts_NC, dtype=np.float64).tobytes())
    return digest.hexdigest()
