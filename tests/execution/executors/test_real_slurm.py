"""The Slurm executor on a real Slurm of two nodes. Skipped where none can be started."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.conftest import tiny_study
from tests.real_slurm import RealSlurm, why_not

from xstilts.errors import InputError
from xstilts.execution import execute as executing
from xstilts.execution.cluster import Cluster
from xstilts.execution.execute import State, execute
from xstilts.execution.executors import slurm as executor
from xstilts.execution.executors.slurm import SlurmExecutor
from xstilts.plan.compile import Plan, compile_study
from xstilts.store.store import Store, read_json

pytestmark = [pytest.mark.tiny, pytest.mark.skipif(bool(why_not()), reason=f"no Slurm here: {why_not()}")]

LIMIT_SECONDS = 240.0


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSlurm]:
    with RealSlurm(tmp_path_factory.mktemp("slurm")) as found:
        yield found


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_study(tiny_study(targets=["world/retrieval"], chains={"none": []}, languages=["l1"], random_init=False))


def hashes(plan: Plan, store: Store) -> dict[str, str]:
    found = {}
    for stage in plan.stages:
        files = read_json(store.folder(stage.kind, stage.slug, stage.key) / "done.json")["files"]
        found |= {f"{stage.slug} {name}": facts["sha256"] for name, facts in files.items() if not name.endswith("train.json")}
    return found


def test_two_nodes_give_the_bits_of_this_machine_though_a_node_and_the_controller_are_killed(
    slurm: RealSlurm, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(executor, "LOOK_SECONDS", 0.2)
    store, blows = Store(tmp_path / "slurm"), ["slurmctld", "n1"]

    until = time.monotonic() + LIMIT_SECONDS

    def strike(state: State) -> None:
        assert time.monotonic() < until, (state, state.messages)
        if blows and state.count("running"):
            daemon = blows.pop()
            assert slurm.kill(daemon)
            time.sleep(0.5)
            slurm.start(daemon)

    cluster = Cluster.model_validate({"interval": 0.5, "stages": {"default": {"memory": "1M", "together": 2}}})
    state = execute(plan, store, watch=strike, start=partial(SlurmExecutor, cluster))
    assert not state.errors and not blows, state.errors
    local = Store(tmp_path / "local")
    execute(plan, local, workers=2)
    assert hashes(plan, store) == hashes(plan, local)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"partition": "nowhere", "memory": "1M"}, "[Ii]nvalid partition"),
        ({"memory": "1T"}, "node configuration is not available"),
    ],
)
def test_what_slurm_refuses_is_an_error(slurm: RealSlurm, plan: Plan, tmp_path: Path, asked: dict[str, str], reason: str) -> None:
    cluster = Cluster.model_validate({"interval": 0.5, "stages": {"default": asked}})
    with pytest.raises(InputError, match=f"(?s)sbatch refused a job: .*{reason}.*correct the cluster file"):
        execute(plan, Store(tmp_path), start=partial(SlurmExecutor, cluster))
