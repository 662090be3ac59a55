"""The executor on Ray: two nodes on this machine, through faults, and what it says of a cluster that cannot do what is asked."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import tiny_record, tiny_study
from tests.execution.fake_store import begin, finish

from xstilts.errors import InputError
from xstilts.execution import ray_driver, ray_task
from xstilts.execution.cluster import Cluster
from xstilts.execution.code_identity import read_code_identity
from xstilts.execution.execute import State, execute
from xstilts.execution.executors import ray as executor_module
from xstilts.execution.executors.base import Demand
from xstilts.execution.executors.ray import RayExecutor, start_ray
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.job import Outcome
from xstilts.stages.stage import Stage
from xstilts.store.lease import find_holder
from xstilts.store.store import Store, read_json, write_json
from xstilts.study import make_study

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray: pip install 'xstilts[ray]'")
SMALL = Cluster.model_validate({"stages": {"default": {"memory": "1G", "cpus": 2}}})
RECORD = tiny_record(
    pretrain=[{"mix": ["world/text"], "recipe": {"steps": 200, "lr": 1e-3}}],
    targets=["world/retrieval"],
    chains={"none": []},
    languages=["l1"],
    random_init=False,
)
PATIENCE_SECONDS = 90.0
# A run by a program of its own, which can be killed.
PROGRAM = """
import json, sys
from functools import partial
from pathlib import Path
from xstilts.execution.cluster import find_cluster
from xstilts.execution.execute import execute
from xstilts.execution.executors.ray import start_ray
from xstilts.plan.compile import compile_study
from xstilts.store.store import Store
from xstilts.study import make_study

folder = Path(sys.argv[1])
plan = compile_study(make_study(json.loads((folder / "study.json").read_text())))
execute(plan, Store(folder / "store"), start=partial(start_ray, find_cluster(folder / "cluster.yaml")))
"""


def processes_of_ray(name: str = "") -> list[int]:
    """Those that use the folder of `own_ray`, and whose command has this name in it."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            uses = f"RAY_TMPDIR={os.environ['RAY_TMPDIR']}\0".encode() in (path / "environ").read_bytes()
            if uses and name.encode() in (path / "cmdline").read_bytes() and int(path.name) != os.getpid():
                found.append(int(path.name))
    return found


@contextmanager
def own_ray() -> Iterator[None]:
    """A folder for Ray's sockets, whose paths may have 107 characters; what else of Ray is on this machine is not touched."""
    folder = Path(tempfile.mkdtemp(prefix="r"))
    (folder / "ray").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", str(folder))
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.delenv("RAY_AUTH_MODE", raising=False)
        try:
            yield
        finally:
            for pid in processes_of_ray():  # such as agents of a node that was removed
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with own_ray():
        yield
    assert not (tmp_path / "home").exists(), "nothing is left there"


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Any]:
    """A cluster whose second node may go and come."""
    from ray.cluster_utils import Cluster as Nodes

    small = {"num_cpus": 2, "object_store_memory": 100 * 2**20, "memory": 4 * 2**30}
    with own_ray(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        nodes = Nodes(initialize_head=True, head_node_args={**small, "include_dashboard": False})
        nodes.add_node(**small, num_gpus=1)
        patch.setenv("RAY_ADDRESS", nodes.address)
        patch.setenv("XSTILTS_DEVICE", "cpu")
        yield nodes
        nodes.shutdown()


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_study(make_study(RECORD))


def training(plan: Plan) -> Stage:
    return next(stage for stage in plan.stages if stage.kind == "train")


def wait_for(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")


class Watch:
    """Calls each of `blows` once, one after another: each when the training has saved a state since the one before."""

    def __init__(self, folder: Path, *blows: Callable[[int], None]):
        self.folder, self.blows = folder, list(blows)
        self.reports: list[dict[str, Any]] = []
        self.pids: set[int] = set()

    def __call__(self, state: State) -> None:
        self.reports += state.live.values()
        holder = find_holder(self.folder)
        saved = (self.folder / "checkpoint" / "state.pt").is_file()
        if self.blows and holder and saved and holder.pid not in self.pids:
            self.pids.add(holder.pid)
            self.blows.pop(0)(holder.pid)


@needs_ray
@pytest.mark.tiny
def test_all_that_may_happen_to_a_run_changes_no_bit(
    two_nodes: Any, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver is killed, the next one is stopped, a worker is killed, a node goes: each time the training goes on."""
    monkeypatch.setenv("XSTILTS_CHECKPOINT_SECONDS", "0")
    store, stage = Store(tmp_path / "store"), training(plan)
    folder = store.folder(stage.kind, stage.slug, stage.key)
    write_json(tmp_path / "study.json", RECORD)
    (tmp_path / "cluster.yaml").write_text("stages: {default: {memory: 1G, cpus: 2}}")
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)])
    wait_for(lambda: (folder / "checkpoint" / "state.pt").is_file())
    program.kill()
    program.wait()
    wait_for(lambda: find_holder(folder) is None)  # Ray ends what a driver that died has left

    second = Watch(folder, lambda _: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        execute(plan, store, watch=second, start=partial(start_ray, SMALL))
    assert not second.blows and store.runs(folder)[-1]["outcome"] == "interrupted"

    def remove_its_node(pid: int) -> None:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        node = next(n for n in two_nodes.list_all_nodes() if n.all_processes["raylet"][0].process.pid == parent)
        if node is two_nodes.head_node:  # which Ray cannot do without
            os.kill(pid, signal.SIGKILL)
        else:
            two_nodes.remove_node(node)

    third = Watch(folder, lambda pid: os.kill(pid, signal.SIGKILL), remove_its_node)
    state = execute(plan, store, watch=third, start=partial(start_ray, SMALL))
    assert not state.errors and not third.blows and state.count("done") == len(plan.stages)
    lost = [message for message in state.messages if message.startswith("lost a worker (")]
    assert len(lost) == 2 and all("what it printed is on its node in" in message for message in lost), state.messages
    assert any(report.get("step", 0) > 0 for report in third.reports)
    assert len(store.runs(folder)) == 5

    calm = Store(tmp_path / "calm")
    execute(plan, calm, workers=1)
    for one in plan.stages:
        files = [read_json(s.folder(one.kind, one.slug, one.key) / "done.json")["files"] for s in (store, calm)]
        if one.kind == "train":  # whose record has seconds in it
            assert files[0]["encoder/model.safetensors"] == files[1]["encoder/model.safetensors"]
        else:
            assert files[0] == files[1], one.slug


@needs_ray
def test_what_no_node_has_is_named(two_nodes: Any, plan: Plan, tmp_path: Path) -> None:
    big = Cluster.model_validate({"stages": {"default": {"memory": "1G", "cpus": 64}}})
    began = time.monotonic()
    state = execute(plan, Store(tmp_path), start=partial(start_ray, big))
    assert time.monotonic() - began < 60
    assert state.errors and state.count("done") == 0
    for key, outcome in state.errors.items():
        kind = state.stages[key].kind
        said = "asks for cpus 64, and the largest node of the Ray cluster has 2; ask for less in cluster.yaml, under stages, "
        assert outcome.error == f"{said}{kind}, cpus, or add such a node" and outcome.input_error


@needs_ray
def test_as_many_as_there_is_room_for_and_an_end_of_the_connection(two_nodes: Any, tmp_path: Path) -> None:
    with RayExecutor(SMALL, Demand(tmp_path, stages=100)) as executor:
        there = executor.size
        assert there == len(two_nodes.list_all_nodes())
        assert executor.idle() == there + executor_module.WAITING
        joins = two_nodes.add_node(num_cpus=2, object_store_memory=100 * 2**20)
        wait_for(lambda: executor.poll(0.2) or executor.size == there + 1)
        two_nodes.remove_node(joins)
        wait_for(lambda: executor.poll(0.2) or executor.size == there)
        executor._driver.process.kill()
        with pytest.raises(InputError, match=r"connection to Ray is lost, .* run the same command again to go on"):
            wait_for(lambda: executor.poll(1.0))


@needs_ray
def test_cards_that_no_stage_asks_for_are_named(two_nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if len(two_nodes.list_all_nodes()) == 1:
        two_nodes.add_node(num_cpus=2, num_gpus=1, object_store_memory=100 * 2**20)
    monkeypatch.delenv("XSTILTS_DEVICE")
    said = r"the Ray cluster has 1 GPUs, and no stage asks for one; write `stages: .*, or set XSTILTS_DEVICE=cpu"
    with pytest.raises(InputError, match=said):
        start_ray(SMALL, Demand(tmp_path))


@pytest.mark.parametrize(("gpus", "cpus", "count"), [(0.1, 1, 3), (0.0, 2, 8), (1.0, 1, 0), (0.0, 1, 10)])
def test_several_stages_share_a_card(gpus: float, cpus: float, count: int) -> None:
    node = {"CPU": 16.0, "GPU": 0.3, "memory": 10.0 * 2**30}
    assert ray_driver._count(node, {"cpus": cpus, "gpus": gpus, "memory": 1024}) == count


@needs_ray
def test_a_cluster_that_is_gone_is_said_and_nothing_hangs(embedded: None, tmp_path: Path) -> None:
    """The head node of an embedded cluster is killed; then nothing of it is left."""

    with RayExecutor(SMALL, Demand(tmp_path, stages=1)) as executor:
        (head,) = processes_of_ray("gcs_server")
        os.kill(head, signal.SIGKILL)
        with pytest.raises(InputError, match=r"head node of the Ray cluster at .* does not answer any more\. Finished stages"):
            wait_for(lambda: executor.poll(1.0))
    wait_for(lambda: not processes_of_ray())


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "ray://127.0.0.1:{port}"])
def test_an_address_where_nothing_answers_is_named(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = address.format(port=free.getsockname()[1])
    monkeypatch.setenv("RAY_ADDRESS", address)
    expected = "expected HOST:PORT" if address.startswith("ray://") else "nothing answers there"
    with pytest.raises(InputError, match=f"RAY_ADDRESS={address}: {expected}"):
        start_ray(SMALL, Demand(tmp_path))


@needs_ray
def test_a_cluster_that_is_gone_while_a_run_joins_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by the drill: Ray itself tries for minutes."""
    monkeypatch.setattr(executor_module, "START_SECONDS", 3.0)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{mute.getsockname()[1]}")
        monkeypatch.setattr(executor_module, "END_SECONDS", 1.0)
        said = r"--executor ray: Ray did not start within 3 seconds; .* run the same command again to go on"
        with pytest.raises(InputError, match=said):
            start_ray(SMALL, Demand(tmp_path))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'xstilts\[ray\]'"):
        start_ray(SMALL, Demand(tmp_path))


@pytest.fixture
def first(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The record of a stage, as it is in the store; what a task changes in its process is put back."""
    stage = next(stage for stage in compile_study(tiny_study()).stages if stage.kind == "fetch")
    folder = Store(tmp_path).folder(stage.kind, stage.slug, stage.key)
    folder.mkdir(parents=True)
    write_json(folder / "stage.json", stage.record())
    handler = signal.getsignal(signal.SIGINT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        yield dict(stage.record())
    signal.signal(signal.SIGINT, handler)


def test_a_node_that_cannot_do_what_the_others_do_says_so(
    first: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_task, "HIDDEN_SECONDS", 0.0)
    code = read_code_identity()
    refused = ray_task.run_on_node(first, str(tmp_path), "another", 0)["refused"]
    assert (
        socket.gethostname() in refused
        and "the run that submitted the stage has another; install the same on all machines" in refused
    )
    refused = ray_task.run_on_node(first, str(tmp_path / "elsewhere"), code, 0)["refused"]
    assert f"store {tmp_path / 'elsewhere'} is not there; give a folder that all nodes share with --store" in refused
    assert not (tmp_path / "elsewhere").exists()
    refused = ray_task.run_on_node({**first, "version": 0}, str(tmp_path), code, 0)["refused"]
    assert "planned by another version of xstilts" in refused


def test_an_input_that_the_node_does_not_see_yet_is_waited_for(
    first: dict[str, Any], plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shared folders show a file late that was looked for before it was there; that is no damage."""
    store = Store(tmp_path)
    stage = next(stage for stage in plan.stages if stage.parents)
    begin(store, stage)
    late = list(stage.parents)
    monkeypatch.setattr(ray_task.time, "sleep", lambda _: finish(store, late.pop()))
    monkeypatch.setattr(ray_task, "attempt", lambda *_: Outcome("done"))
    assert ray_task.run_on_node(stage.record(), str(tmp_path), read_code_identity(), 0)["outcome"] == "done"
    assert not late
    monkeypatch.undo()
    monkeypatch.setattr(ray_task, "HIDDEN_SECONDS", 0.0)
    (store.folder(stage.parents[0].kind, stage.parents[0].slug, stage.parents[0].key) / "done.json").unlink()
    assert ray_task.run_on_node(stage.record(), str(tmp_path), read_code_identity(), 0)["outcome"] == "damaged-input"


def test_a_stage_sees_the_cards_that_it_asked_for(first: dict[str, Any], tmp_path: Path) -> None:
    code = read_code_identity()
    assert ray_task.run_on_node(first, str(tmp_path), code, 0.5)["outcome"] == "done"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert ray_task.run_on_node(first, str(tmp_path), code, 0)["outcome"] == "done"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
