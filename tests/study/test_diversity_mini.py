"""`diversity-mini`: the design of `diversity`, with the world's domains for MNLI's genres."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from xstilts.analysis.gains import reuses_target_data
from xstilts.analysis.gather import gather
from xstilts.plan.compile import compile_study
from xstilts.store.store import Store
from xstilts.study import load_study
from xstilts.tasks.catalogue.world import generate_task
from xstilts.tasks.registry import find_task
from xstilts.world.concepts import DOMAINS
from xstilts.world.config import WorldConfig

DOMAIN_TASKS = tuple(f"world/nli_{domain}" for domain in DOMAINS)


def test_sets_of_a_size_have_each_domain_equally_often_at_equal_steps() -> None:
    study = load_study("diversity-mini")
    phases = [chain[0] for chain in study.chains.values() if chain]
    assert Counter(len(phase.mix) for phase in phases) == {1: 4, 2: 2, 4: 1}
    for size in (1, 2, 4):
        assert Counter(task for p in phases if len(p.mix) == size for task in p.mix) == dict.fromkeys(DOMAIN_TASKS, 1)
    assert len({phase.recipe["steps"] for phase in phases}) == 1
    assert all(phase.sampling == "uniform" and phase.share_heads for phase in phases if len(phase.mix) > 1)


def test_no_example_of_a_domain_is_seen_twice() -> None:
    study = load_study("diversity-mini")
    available = study.world.nli_domain
    for chain in study.chains.values():
        for phase in chain:
            recipe = study.phase_recipe(phase.mix, phase.recipe)
            assert recipe.steps * recipe.batch <= available


def test_a_chain_by_domain_reuses_the_data_of_inference_and_of_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.prepare()
    results = gather(compile_study(load_study("diversity-mini")), store)
    for chain in results.chains:
        flagged = {target.name for target in results.targets if reuses_target_data(chain, target)}
        assert flagged == ({"world/nli"} if chain.phases else set()), chain.name


def test_the_tasks_give_the_examples_of_their_domain() -> None:
    world = WorldConfig(nli_domain=60, dev=20)
    for name in DOMAIN_TASKS:
        task, counts = find_task(name), Counter[str]()
        assert (task.languages, set(task.splits), task.trains_on) == (("en",), {"train", "dev"}, name)
        ids = [e.id for split in ("train", "dev") for e in generate_task(task, split, "en", world, counts)]
        assert len(set(ids)) == 80
        assert all(id.startswith(name.removeprefix("world/")) for id in ids)
        assert not counts
