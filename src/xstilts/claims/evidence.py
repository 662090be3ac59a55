"""Evidence: what a study's artefacts hold for or against a claim, measured, with everything that qualifies it.

Nothing is judged here (`verdict.py` does that), and no number comes from the literature. If the runs contradict a field of the
claim's population, the claim is `outside` what they can say. If they are only less of the same (another encoder, limits,
fewer targets, languages or intermediate tasks), they are `smaller`, and a verdict can only be one by proxy.
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
from xstilts.metrics.significance import Interval
from xstilts.tasks.files.locate import select_scored_split
from xstilts.tasks.registry import find_task


@dataclass(frozen=True)
class Artefact:
    """A stage's key, and the sha256 of what was read out of it: a claim is tied to bytes, not to a name."""

    key: str
    content: str


@dataclass(frozen=True)
class MeasuredGain:
    """The gain of one comparison. `reported` is the gain that the source reports; gains are 0-1."""

    name: str
    interval: Interval
    reported: float | None = None


@dataclass(frozen=True)
class Observation:
    """One entry of a fact: what was `found` and what the claim says (`expected`). `official`: how many examples the official data
    have, if the catalogue knows. `note` says where it was found."""

    name: str
    expected: int | str
    found: int | str | None
    official: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Evidence:
    """See the module. `asked` is how many comparisons or entries the claim is about; `missing` says why some could not be made.
    `notes` are what else a reader must know. `standing` belongs to a ranking."""

    outside: tuple[str, ...] = ()
    smaller: tuple[str, ...] = ()
    measured: tuple[MeasuredGain, ...] = ()
    observed: tuple[Observation, ...] = ()
    asked: int = 0
    seeds: int = 0
    coverage: str = ""
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    artefacts: tuple[Artefact, ...] = ()
    standing: Standing | None = None


def gather_evidence(claim: Claim, results: Results, resamples: int) -> Evidence:
    """The evidence for or against a claim about gains."""
    outside = _find_contradictions(claim, results)
    if outside or claim.kind == "hypothesis":
        return Evidence(outside=outside)
    encoder, other = _choose_encoder(claim, results)
    search = Search(claim, results, encoder)
    search.run()
    made: list[tuple[PlannedComparison, PooledComparison]] = []
    missing: list[str] = []
    keys: list[str] = []
    for planned in search.found:
        try:
            pooled, near = pool_sides(planned.name, planned.pairs, planned.languages, results)
        except Unusable as reason:
            missing.append(str(reason))
            continue
        made.append((planned, pooled))
        keys += [*pooled.keys, *planned.keys]
        if near:
            search.notes.append(f"{planned.name}: near chance on both sides: {fmt.listed(near)}")
        if unpaired := sum(one.unpaired_rows(one.languages) for pair in pooled.pairs for one in pair):
            search.notes.append(f"{planned.name}: {describe_unpaired(unpaired)}")
        if claim.kind == "comparison":
            search.notes += _describe_sweeps(pooled, results)
    intervals = measure_pooled([pooled for _, pooled in made], resamples)
    measured = [MeasuredGain(one.name, interval, one.reported) for (one, _), interval in zip(made, intervals, strict=True)]
    rows = set.intersection(*(set(pooled.rows) for _, pooled in made)) if made else set()
    asked_rows = {(target, code) for target in claim.population.targets for code in claim.population.languages_of(target)}
    found_targets = [target for target in claim.population.targets if any(target == row[0] for row in rows)]
    seeds = min((len(pooled.seeds) for _, pooled in made), default=0)
    smaller = [*other, *search.smaller, *_describe_smaller(claim, results, found_targets)]
    lacking = [f"{target}/{code}" for target, code in sorted(asked_rows - rows) if target in found_targets]
    if lacking:
        smaller.append(f"{len(rows)} of {fmt.count(len(asked_rows), 'target-language pair')} (without {fmt.listed(lacking, 4)})")
    targets, pairs = (len(found_targets), len(claim.population.targets)), (len(rows), len(asked_rows))
    parts = {"comparison": (len(measured), search.asked), "target": targets, "target-language pair": pairs}
    coverage = ", ".join(f"{have} of {fmt.count(of, noun)}" for noun, (have, of) in parts.items())
    return Evidence(
        smaller=tuple(smaller),
        measured=tuple(measured),
        asked=search.asked,
        seeds=seeds,
        coverage=f"{coverage}, {fmt.count(seeds, 'seed')}",
        missing=tuple(missing) if search.found and search.languages else (explain_absence(search),),
        notes=tuple(dict.fromkeys(search.notes)),
        artefacts=find_artefacts(results, keys),
        standing=compute_standing(search.ranked, claim.best, search.languages, results, claim.rope / 100, resamples)
        if made
        else None,
    )


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


def _describe_smaller(claim: Claim, results: Results, found: Sequence[str]) -> list[str]:
    """In what else the runs are less than what the claim is about, or differ from it."""
    said = []
    if results.limits:
        most = fmt.listed(f"{limit:,} {split}" for split, limit in results.limits.items())
        said.append(f"limited to {most} examples")
    if claim.population.model and any(cost.phase == PHASES[0] for cost in results.costs):
        said.append("the encoder has a pre-training of this study's own")
    absent = [target for target in claim.population.targets if target not in found]
    if absent and found:
        of = fmt.count(len(claim.population.targets), "target")
        said.append(f"{len(found)} of {of} (without {fmt.listed(absent, 4)})")
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
