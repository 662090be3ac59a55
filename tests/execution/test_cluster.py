"""`cluster.yaml`: what is asked for, by kind of stage, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.execution.cluster import Cluster, find_cluster
from xstilts.execution.executors.base import Demand

DEMAND = Demand(Path("store"))
MEASURED = Demand(Path("store"), seconds={"train": 3000.0, "score": 0.2}, memory_mib={"train": 10_000.0, "score": 100.0})


def read(tmp_path: Path, text: str) -> Cluster:
    (tmp_path / "cluster.yaml").write_text(text)
    return find_cluster(tmp_path / "cluster.yaml")


def test_a_kind_says_what_the_default_does_not(tmp_path: Path) -> None:
    text = "stages: {default: {partition: cpu, time: 1h30m, memory: 1.5G}, train: {partition: gpu, gpus: 2, time: 1-12:00:00}}"
    cluster = read(tmp_path, text)
    train, other = cluster.request("train", DEMAND), cluster.request("predict", DEMAND)
    assert (train.partition, train.gpus, train.minutes, train.memory_mib) == ("gpu", 2.0, 36 * 60, 1536)
    assert (other.partition, other.gpus, other.minutes, other.memory_mib) == ("cpu", 0.0, 90, 1536)


def test_what_the_file_does_not_say_comes_from_earlier_runs() -> None:
    train, score, predict = (Cluster().request(kind, MEASURED) for kind in ("train", "score", "predict"))
    assert (train.minutes, train.memory_mib, train.together) == (150, 15_000, 1)
    assert (score.minutes, score.memory_mib, score.together) == (15, 2048, 50), "at least so much"
    assert (predict.minutes, predict.memory_mib, predict.cpus, predict.gpus) == (60, 8192, 1, 0.0), "nothing was measured"


def test_a_job_of_several_stages_has_time_for_all() -> None:
    assert Cluster.model_validate({"stages": {"train": {"together": 4}}}).request("train", MEASURED).minutes == 600


@given(st.integers(0, 3), st.integers(0, 23), st.integers(0, 59), st.integers(1, 59))
def test_times_are_read_as_people_and_as_slurm_write_them(days: int, hours: int, minutes: int, seconds: int) -> None:
    expected = days * 1440 + hours * 60 + minutes + 1
    for written in (f"{days}d{hours}h {minutes}m{seconds}s", f"{days}-{hours:02d}:{minutes:02d}:{seconds:02d}"):
        cluster = Cluster.model_validate({"stages": {"default": {"time": written}}})
        assert cluster.request("train", DEMAND).minutes == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jbos: 3", r"unknown field 'jbos' \(did you mean 'jobs'\?\)"),
        (
            "stages: {trian: {}}",
            r"stages: 'trian' is no kind of stage \(did you mean 'train'\?\); expected some of default, fetch",
        ),
        (
            "stages: {train: {time: soon}}",
            r"stages\.train\.time: expected a time like 90m, 8h.* found 'soon'",
        ),
        ("stages: {train: {time: 0m}}", r"stages\.train\.time: .*greater than or equal to 1"),
        ("stages: {train: {memory: 12}}", r"stages\.train\.memory: expected a size like 512M, 32G or 1T, found '12'"),
        ("stages: {train: {gpus: -1}}", r"stages\.train\.gpus: .*greater than or equal to 0"),
        ("[]", r"expected fields"),
        ("", r"the cluster file is empty"),
        ("jobs: 0", r"jobs: .*greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"cluster\.yaml: {said}"):
        read(tmp_path, text)


def test_the_file_of_the_working_folder_is_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_cluster(None) == Cluster()
    read(tmp_path, "jobs: 7")
    assert find_cluster(None).jobs == 7
    with pytest.raises(InputError, match=r"other\.yaml: no such file; expected a YAML file"):
        find_cluster(Path("other.yaml"))
