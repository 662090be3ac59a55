"""Facts: what a study's stages say about data sets and about the protocol, with the stages that say it.

Counts are those that the fetch stages made while they read, whatever the limits. An incomplete copy is no test of a count. The
protocol follows from what was run: which chains have scores, and which training stages are done.
"""

import hashlib
import json
from collections.abc import Sequence

from xstilts.analysis import formatting as fmt
from xstilts.analysis.costs import PHASES
from xstilts.analysis.results import Results, StageCost
from xstilts.claims import chains
from xstilts.claims.evidence import Artefact, Evidence, Observation, find_artefacts
from xstilts.claims.record import Claim
from xstilts.tasks.registry import find_task

PRETRAINED = "pre-trained encoder"


def gather_facts(claim: Claim, results: Results) -> Evidence:
    """The evidence for or against a dataset_fact or a protocol_fact."""
    checks = {"examples": _count_examples, "formats": _check_formats, "phases": _count_phases, "encoder": _check_encoder}
    return checks.get(claim.quantity, _count_tasks)(claim, results)


def _count_examples(claim: Claim, results: Results) -> Evidence:
    split = claim.population.split or "train"
    done = {
        cost.task: cost
        for cost in results.costs
        if (cost.kind, cost.status, cost.split, cost.language) == ("fetch", "done", split, "en")
    }
    observed, stages, missing = [], [], []
    for name, expected in claim.expected.items():
        cost = done.get(name)
        found = cost.facts.get("available") if cost else None
        if cost is None or found is None:
            missing.append(f"the {split} data of {name} were not read in this study")
            continue
        stages.append(cost)
        source = find_task(name).splits.get(split)
        official = source.counts.get("en") if source else None
        commit = f"commit {cost.facts['commit']}" if "commit" in cost.facts else ""
        observed.append(Observation(name, expected, found, official, commit))
    return Evidence(
        observed=tuple(observed),
        asked=len(claim.expected),
        coverage=f"{len(observed)} of {fmt.count(len(claim.expected), 'data set')}",
        missing=tuple(missing),
        artefacts=_hash_stages(stages),
    )


def _list_runs(results: Results) -> dict[str, list[str]]:
    """Each intermediate task on which a chain with scores trains, and the keys of these scores."""
    scored: dict[str, list[str]] = {}
    for cell in results.cells:
        if cell.languages and not cell.control:
            scored.setdefault(cell.chain, []).append(cell.key)
    trained = chains.list_trained_tasks(results)
    return {task: keys for task, names in trained.items() if (keys := [key for name in names for key in scored.get(name, ())])}


def _check_formats(claim: Claim, results: Results) -> Evidence:
    runs = _list_runs(results)
    have = [name for name in claim.expected if name in runs]
    return Evidence(
        observed=tuple(Observation(name, claim.expected[name], find_task(name).format.name) for name in have),
        asked=len(claim.expected),
        coverage=f"{len(have)} of {fmt.count(len(claim.expected), 'task')}",
        missing=() if have else ("no chain with scores trains on any of these tasks",),
        artefacts=find_artefacts(results, [key for name in have for key in runs[name]]),
    )


def _count_tasks(claim: Claim, results: Results) -> Evidence:
    names = _list_runs(results)
    asked = claim.population.intermediate
    have = [name for name in asked if name in names]
    others = [name for name in names if asked and name not in asked]
    expected = claim.expected[claim.quantity]
    note = fmt.listed(have or names) + (f"; besides, {fmt.listed(others)}" if others else "")
    found = len(have) if asked else len(names)
    return Evidence(
        smaller=(f"{found} of {expected} intermediate tasks were run",) if found and found < int(expected) else (),
        observed=(Observation("intermediate tasks", expected, found, note=note),) if found else (),
        asked=1,
        coverage=f"{found} of {fmt.count(int(expected), 'intermediate task')}",
        missing=() if found else ("no chain with scores trains on any of the intermediate tasks that it is about",),
        artefacts=find_artefacts(results, [key for name in (have if asked else names) for key in names[name]]),
    )


def _check_encoder(claim: Claim, results: Results) -> Evidence:
    expected = str(claim.expected[claim.quantity])
    runs = {encoder: [c.key for c in results.cells if c.encoder == encoder and c.languages] for encoder in results.encoders}
    have = [encoder for encoder, keys in runs.items() if keys]
    exact = next((encoder for encoder in have if encoder.lower() == expected.lower()), None)
    if have and exact is None:
        return Evidence(outside=(f"encoder: the claim is about {expected}, this study starts from {fmt.listed(have)}",))
    return Evidence(
        observed=(Observation("encoder", expected, expected if exact else None),) if exact else (),
        asked=1,
        coverage=f"{int(bool(exact))} of 1 encoder",
        missing=() if exact else ("no cell of this study has a score",),
        artefacts=find_artefacts(results, runs[exact] if exact else ()),
    )


def _count_phases(claim: Claim, results: Results) -> Evidence:
    done = [cost for cost in results.costs if cost.status == "done"]
    found: dict[str, StageCost] = {}
    for cost in done:
        if cost.kind == "encoder" or cost.phase == PHASES[0]:
            found.setdefault(PRETRAINED, cost)
        elif cost.phase:
            found.setdefault(cost.phase, cost)
    scored = find_artefacts(results, [cell.key for cell in results.cells if cell.languages][:1])
    seen = bool(found and scored)
    expected = int(claim.expected[claim.quantity])
    ordered = [name for name in (PRETRAINED, *PHASES[1:]) if name in found]
    return Evidence(
        smaller=(f"{len(found)} of {fmt.count(expected, 'phase')} were run",) if len(found) < expected else (),
        observed=(Observation("phases", expected, len(found), note=fmt.listed(ordered)),) if seen else (),
        asked=1,
        coverage=f"{len(found)} of {fmt.count(expected, 'phase')}",
        missing=() if seen else ("no cell of this study was trained and scored",),
        artefacts=(*_hash_stages(list(found.values())), *scored) if seen else (),
    )


def _hash_stages(costs: Sequence[StageCost]) -> tuple[Artefact, ...]:
    """Stages as evidence; the sha256 is that of what their last run recorded."""
    return tuple(
        Artefact(cost.key, hashlib.sha256(json.dumps(dict(cost.facts), sort_keys=True, default=str).encode()).hexdigest())
        for cost in costs
    )
