"""The size of data sets: counts that the fetch stages made while they read, whatever the limits."""

import hashlib
import json
from collections.abc import Sequence

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import Results, StageCost
from xstilts.claims.evidence import Artefact, Evidence, Observation
from xstilts.claims.record import Claim
from xstilts.tasks.registry import find_task


def gather_facts(claim: Claim, results: Results) -> Evidence:
    """The evidence for or against a dataset_fact. A copy is known to be whole if it has as many examples as the catalogue knows
    of the official data, or if it is one data set that was read from the Hub at a commit."""
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
            missing.append(name)
            continue
        stages.append(cost)
        task = find_task(name)
        source = task.splits.get(split)
        commit = cost.facts.get("commit", "")
        whole = bool(commit and not task.parts) or (source is not None and found == source.counts.get("en"))
        observed.append(Observation(name, expected, found, whole, f"commit {commit}" if commit else ""))
    return Evidence(
        observed=tuple(observed),
        asked=len(claim.expected),
        coverage=f"{len(observed)} of {fmt.count(len(claim.expected), 'data set')}",
        missing=(f"the {split} data of {fmt.listed(missing)} were not read in this study",) if missing else (),
        artefacts=hash_stages(stages),
    )


def hash_stages(costs: Sequence[StageCost]) -> tuple[Artefact, ...]:
    """Stages as evidence; the sha256 is that of what their last run recorded."""
    return tuple(
        Artefact(cost.key, hashlib.sha256(json.dumps(dict(cost.facts), sort_keys=True, default=str).encode()).hexdigest())
        for cost in costs
    )
