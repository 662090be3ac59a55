"""Evidence: what a study's artefacts hold for or against a claim, measured, with everything that qualifies it.

Nothing is judged here (`verdict.py` does), and nothing is filled from the literature. A field of the claim's population that the
runs contradict puts the claim `outside` what they can say; where they are only less of the same (another encoder, limits,
fewer targets, languages or intermediate tasks) they are `smaller`, and a verdict can be no more than one by proxy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.costs import PHASES
from xstilts.analysis.gather import LAYER_RULES, RETRIEVAL_FORMATS
from xstilts.analysis.results import Cell, Results
from xstilts.claims.contrast import Contrast, Standing, Unusable, contrast, measured, standing
from xstilts.claims.record import Claim
from xstilts.claims.search import Request, Search, why_none
from xstilts.metrics.significance import Interval
from xstilts.tasks.files.locate import select_scored_split
from xstilts.tasks.registry import find_task


@dataclass(frozen=True)
class Artefact:
    """A stage's key, and the sha256 of what was read out of it: a claim is tied to bytes, not to a name."""

    key: str
    content: str


@dataclass(frozen=True)
class Measured:
    """One comparison. `said` is the gain that the source reports; gains are 0-1."""

    name: str
    interval: Interval
    said: float | None = None


@dataclass(frozen=True)
class Observation:
    """One entry of a fact: what was `found` where `expected` was said. `official`: how many examples the official data have, as
    far as the catalogue knows. `note` says where it was found, or why not."""

    name: str
    expected: int | str
    found: int | str | None
    official: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Evidence:
    """See the module. `asked` is how many comparisons or entries the claim is about, `missing` why some could not be made;
    `notes` are what a reader must know besides. `standing`: of a ranking."""

    outside: tuple[str, ...] = ()
    smaller: tuple[str, ...] = ()
    measured: tuple[Measured, ...] = ()
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
    outside = _outside(claim, results)
    if outside or claim.kind == "hypothesis":
        return Evidence(outside=outside)
    encoder, other = _encoder(claim, results)
    search = Search(claim, results, encoder)
    search.run()
    requests: list[Request] = []
    made: list[Contrast] = []
    found: list[Measured] = []
    missing: list[str] = []
    keys: list[str] = []
    for request in search.requests:
        try:
            made.append(contrast(request.name, request.pairs, request.wanted, results))
            requests.append(request)
        except Unusable as reason:
            missing.append(str(reason))
    for request, one, interval in zip(requests, made, measured(made, resamples), strict=True):
        found.append(Measured(request.name, interval, request.said))
        search.notes += one.notes
        search.notes += [f"{request.name}: {part}" for part in interval.note.split("; ") if part.startswith("paired by id")]
        keys += [*one.keys, *request.keys]
        if claim.kind == "comparison":
            search.notes += _sweep(request, one, results)
    rows = set.intersection(*(set(one.rows) for one in made)) if made else set()
    asked_rows = {(target, code) for target in claim.population.targets for code in claim.population.languages_of(target)}
    found_targets = [target for target in claim.population.targets if any(target == row[0] for row in rows)]
    seeds = min((len(one.seeds) for one in made), default=0)
    smaller = [*other, *search.smaller, *_smaller(claim, results, found_targets)]
    lacking = [f"{target}/{code}" for target, code in sorted(asked_rows - rows) if target in found_targets]
    if lacking:
        smaller.append(f"{len(rows)} of {fmt.count(len(asked_rows), 'target-language pair')} (without {fmt.listed(lacking, 4)})")
    coverage = _coverage(
        (len(found), search.asked, "comparison"),
        (len(found_targets), len(claim.population.targets), "target"),
        (len(rows), len(asked_rows), "target-language pair"),
    )
    return Evidence(
        smaller=tuple(smaller),
        measured=tuple(found),
        asked=search.asked,
        seeds=seeds,
        coverage=f"{coverage}, {fmt.count(seeds, 'seed')}",
        missing=tuple(missing) if search.requests and search.wanted else (why_none(search),),
        notes=tuple(dict.fromkeys(search.notes)),
        artefacts=artefacts(results, keys),
        standing=standing(search.ranked, claim.best, search.wanted, results, claim.rope / 100, resamples) if made else None,
    )


def _coverage(*parts: tuple[int, int, str]) -> str:
    return ", ".join(f"{have} of {fmt.count(of, noun)}" for have, of, noun in parts)


def _outside(claim: Claim, results: Results) -> tuple[str, ...]:
    """The fields of the population that the runs contradict, one clause each."""
    people = claim.population
    found = []
    for info in results.targets:
        if people.split and info.name in people.targets:
            wanted = select_scored_split(find_task(info.name), people.split)
            if info.split != wanted:
                found.append(
                    f"split: the claim is about {people.split} data, this study scores {info.name} on {info.split} "
                    f"(`split: {people.split}` would be that)"
                )
                break
    policies = sorted({str(recipe.get("policy", "")) for recipe in results.recipes.values()} - {""})
    if people.policy and policies and policies != [people.policy]:
        found.append(f"policy: the claim is about {people.policy}, this study's is {fmt.listed(policies)}")
    searched = [info.name for info in results.targets if info.format in RETRIEVAL_FORMATS and info.name in people.targets]
    if people.retrieval and searched:
        setting = people.retrieval
        wanted = f"layer {setting.layer}" if isinstance(setting.layer, int) else LAYER_RULES[setting.layer]
        if not results.retrieval.startswith(f"{wanted};"):
            found.append(f"retrieval: the claim is about {wanted}, this study scores {results.retrieval.partition(';')[0]}")
        for name, said, here in (
            ("pooling", setting.pooling, results.pooling),
            ("centring", setting.centred, results.centred),
        ):
            if said != here:
                found.append(f"retrieval: {name} is {said} in the claim and {here} in this study")
    return tuple(found)


def _encoder(claim: Claim, results: Results) -> tuple[str, list[str]]:
    """The encoder that the claim is about, else the study's first, and then how that differs."""
    wanted = claim.population.model
    exact = next((name for name in results.encoders if name.lower() == wanted.lower()), None)
    if exact or not wanted:
        return exact or results.encoders[0], []
    return results.encoders[0], [f"the encoder is {results.encoders[0]}, not {wanted}"]


def _smaller(claim: Claim, results: Results, found: Sequence[str]) -> list[str]:
    """In what else the runs are less than, or beside, what the claim is about."""
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


def _sweep(request: Request, one: Contrast, results: Results) -> list[str]:
    """Whether a retrieval gain depends on the layer or on centring: the same gain at other settings, without intervals."""
    targets = {info.name for info in results.targets if info.format == "embed"} & {target for target, _ in one.rows}
    said = []
    for target in sorted(targets):
        codes = [code for name, code in one.rows if name == target]
        curves = [
            [_curve(pair[side][target][seed], codes, results.pooling) for pair in request.pairs for seed in one.seeds]
            for side in (0, 1)
        ]
        if not all(curve for side in curves for curve in side):
            continue
        means = [{place: float(np.mean([curve[place] for curve in side])) for place in side[0]} for side in curves]
        best = {centred: [max(v for (_, c), v in mean.items() if c == centred) for mean in means] for centred in (False, True)}
        plain, centred = (fmt.points(best[kind][0] - best[kind][1]) for kind in (False, True))
        said.append(
            f"{target}, each side at its own best layer (chosen on the same data, so no test): {plain} points, {centred} centred"
        )
    return said


def _curve(cell: Cell, codes: Sequence[str], pooling: str) -> dict[tuple[int, bool], float]:
    """(layer, centred) -> mean accuracy over languages."""
    found: dict[tuple[int, bool], list[float]] = {}
    for score in cell.layers:
        if score.pooling == pooling and score.language in codes:
            found.setdefault((score.layer, score.centred), []).append(score.accuracy)
    return {place: float(np.mean(values)) for place, values in found.items()}


def artefacts(results: Results, keys: Iterable[str]) -> tuple[Artefact, ...]:
    """The score artefacts with these keys, each once, with the sha256 of their tallies."""
    wanted = list(dict.fromkeys(keys))
    by_key: Mapping[str, Cell] = {cell.key: cell for cell in results.cells}
    return tuple(Artefact(key, _content(by_key[key])) for key in wanted if key in by_key)


def _content(cell: Cell) -> str:
    digest = hashlib.sha256()
    for code, score in sorted(cell.languages.items()):
        digest.update(f"{code} {score.counts_NC.shape}".encode())
        digest.update("\n".join(score.ids_N.tolist()).encode())
        digest.update(np.ascontiguousarray(score.counts_NC, dtype=np.float64).tobytes())
    return digest.hexdigest()
