"""attack: variants of every clean example of a test set (of a pool: of every query), as `examples.jsonl`, so that the stage that
predicts or embeds reads them like any other.

The variants depend on the attack, its budget, count and seed, and on the examples: on no model and no order. Surprising: an
example in which nothing can be edited has no variant. It is counted, and its clean prediction stands for it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from xstilts.attacks.attack import Pool
from xstilts.attacks.registry import find_attack
from xstilts.attacks.variants import make_variants
from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.jsonl import read_jsonl, write_jsonl
from xstilts.stages.contracts import AttackConfig, AttackInputs
from xstilts.stages.job import Job
from xstilts.store.store import link_or_copy

VARIANTS = "variants.jsonl"
CLEAN = "clean.jsonl"
SEEN = "seen.json"  # of a stage that predicts or embeds variants, see `seen.py`
AT_ONCE = 256  # examples between two reports
AttackJob = Job[AttackConfig, AttackInputs[Path]]


def run(job: AttackJob) -> None:
    """Leaves `examples.jsonl` and `variants.jsonl`: for each variant its id, the clean example's, the edits, and the languages of
    its texts if they differ; and the clean examples as CLEAN. In the run's facts: how many variants (`examples`) of how many
    clean examples (`available`), how many of these are `untouched`, and how many draws gave a variant once more (`repeated`)."""
    clean = list(read_jsonl(job.inputs.clean / "examples.jsonl"))
    job.facts |= {"available": sum(one.scored for one in clean), "untouched": 0, "repeated": 0}
    with (job.out / VARIANTS).open("w", encoding="utf-8") as beside:
        job.facts["examples"] = write_jsonl(job.out / "examples.jsonl", _make(job, clean, beside))
    link_or_copy(job.inputs.clean / "examples.jsonl", job.out / CLEAN)


def _make(job: AttackJob, clean: list[Example], beside: TextIO) -> Iterator[Example]:
    """The variants, each of which is written `beside` as a record."""
    config = job.config
    attack = find_attack(job.context.attack or config.attack)
    if (attack.name, attack.version, attack.declared) != (config.attack, config.version, config.declared):
        raise InputError(f"attack {config.attack}: it changed since the plan was made; run again to plan with it as it is")
    pool = Pool(clean, _pair_by_id(job, clean))
    asked = [one for one in clean if one.scored]
    for first in range(0, len(asked), AT_ONCE):
        job.progress({"step": first, "steps": len(asked), "unit": "examples"})
        job.check_stop()
        some = asked[first : first + AT_ONCE]
        strength = {"seed": config.seed, "count": config.count}
        made = make_variants(attack, some, config.language, **strength, budget=config.budget, pool=pool)
        job.facts["untouched"] += len(made.untouched)
        job.facts["repeated"] += made.repeated
        for variant in made.variants:
            record = {"id": variant.example.id, "clean": variant.source, "edits": [asdict(edit) for edit in variant.edits]}
            record |= {"languages": variant.languages} if variant.languages else {}
            beside.write(json.dumps(record, ensure_ascii=False) + "\n")
            yield variant.example


def _pair_by_id(job: AttackJob, clean: list[Example]) -> Mapping[str, Mapping[str, Example]]:
    """Language -> the id of a clean example -> the same example in that language. Their ids are the same."""
    ids = {example.id for example in clean}
    return {
        language: {e.id: e for e in read_jsonl(folder / "examples.jsonl", ids)}
        for language, folder in job.inputs.parallel.items()
    }


def read_variants(folder: Path) -> Iterator[dict[str, Any]]:
    """The records of `variants.jsonl` in the `out/` folder of an attack stage."""
    with (folder / VARIANTS).open(encoding="utf-8") as file:
        yield from map(json.loads, file)
