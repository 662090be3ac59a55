from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.mlm import Mlm, MlmExample
from xstilts.metrics.classify import ACCURACY
from xstilts.model.codecs.registry import CODECS
from xstilts.model.model import fresh_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.mixture import Mixture, total_steps
from xstilts.recipe.recipe import Recipe
from xstilts.train.loop import MixtureTask, NotFinite, PhaseSpec, Training, evaluation_steps, learning_rate

pytestmark = pytest.mark.tiny
RECIPE = Recipe(lr=5e-3, batch=4, steps=14, max_length=24, stride=6, evaluations=7, average=3)
WORDS = ["bo", "ka", "mi", "kami"]


def pairs(count: int, seed: int = 0) -> list[ClassifyExample]:
    rng = np.random.default_rng(seed)
    return [
        ClassifyExample(f"{seed}-{i}", (" ".join(rng.choice(WORDS, 4)), str(rng.choice(WORDS))), "yn"[int(rng.integers(2))])
        for i in range(count)
    ]


def setting(folder: Path, recipe: Recipe) -> tuple[Any, list[MixtureTask]]:
    """A mixture of a pair task and masked language modelling, with dropout: everything that draws random numbers."""
    tokenizer = load_tokenizer(folder / "encoder")
    classify = CODECS["classify"](Classify(labels=("y", "n")), tokenizer, recipe)
    mlm = CODECS["mlm"](Mlm(), tokenizer, recipe)
    plain = [MlmExample(str(i), (" ".join(e.texts),)) for i, e in enumerate(pairs(20, 5))]
    torch.manual_seed(3)
    model = fresh_model(folder, {"pair": classify, "text": mlm}, 0.1)
    members = [
        MixtureTask("pair", classify, classify.encode(pairs(20), True), {"en": pairs(8, 1)}, ACCURACY),
        MixtureTask("text", mlm, mlm.encode(plain, True)),
    ]
    return model, members


def plan_of(*tasks: str, seed: int = 1, **fields: Any) -> PhaseSpec:
    return PhaseSpec(Mixture(mix=tasks).rule, seed, **fields)


class StopAfter:
    """Asks a training to stop when it has made so many steps."""

    def __init__(self, steps: int):
        self.steps, self.seen = steps, set[int]()

    def see(self, report: dict[str, Any]) -> None:
        self.seen.add(report["step"])

    def __call__(self) -> bool:
        return len(self.seen) > self.steps  # the first is the one that it began with


def go(folder: Path, checkpoint: Path, recipe: Recipe, stop: Callable[[], bool] = lambda: False) -> Any:
    model, members = setting(folder, recipe)
    see = stop.see if isinstance(stop, StopAfter) else lambda _: None
    return model, Training(model, members, recipe, plan_of("pair", "text"), checkpoint, see, stop).run()


@pytest.mark.parametrize("policy", ["last", "avg_last_k", "en_dev"])
def test_a_stopped_training_goes_on_to_the_same_bits(tiny_folder: Path, tmp_path: Path, policy: str) -> None:
    recipe = RECIPE.model_copy(update={"policy": policy})
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole, record = go(tiny_folder, tmp_path / "a", recipe)
    pieces = None
    for _ in range(20):  # stopped after every second step, started anew each time
        model, pieces = go(tiny_folder, tmp_path / "b", recipe, StopAfter(2))
        if pieces is not None:
            break
    assert pieces is not None
    assert pieces["tokens"] == record["tokens"]
    assert pieces["losses"] == record["losses"]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_a_stop_inside_a_step_or_an_evaluation_changes_nothing(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XSTILTS_MICRO_TOKENS", "40")
    monkeypatch.setattr("xstilts.train.evaluate.EVALUATION_TOKENS", 40)
    recipe = RECIPE.model_copy(update={"policy": "en_dev"})
    for name in "ab":
        (tmp_path / name).mkdir()
    whole, record = go(tiny_folder, tmp_path / "a", recipe)
    kept = []
    for asked in itertools.count(1):  # stopped the first, second, third ... time that it asks
        calls = itertools.count(1)
        model, pieces = go(tiny_folder, tmp_path / "b", recipe, lambda calls=calls, asked=asked: next(calls) >= asked)
        if pieces is not None:
            break
        kept.append(torch.load(tmp_path / "b" / "state.pt", weights_only=True)["state"])
    evaluated = [(state["step"], state["losses"][-1][0] if state["losses"] else 0) for state in kept]
    assert any(step == one[0] == other[0] for one, other in itertools.pairwise(evaluated) for step in [one[0]]), "inside a step"
    assert any(step in evaluation_steps(14, 7) and last < step for step, last in evaluated), "inside an evaluation"
    assert (pieces["losses"], pieces["dev"]) == (record["losses"], record["dev"])
    for name, value in whole.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_long_steps_and_evaluations_say_how_far_they_are(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XSTILTS_MICRO_TOKENS", "40")
    monkeypatch.setattr("xstilts.train.evaluate.EVALUATION_TOKENS", 40)
    monkeypatch.setattr("xstilts.train.loop.TELL_SECONDS", 0.0)
    told: list[dict[str, Any]] = []
    recipe = RECIPE.model_copy(update={"policy": "en_dev"})
    model, members = setting(tiny_folder, recipe)
    Training(model, members, recipe, plan_of("pair", "text"), tmp_path, told.append).run()
    assert [report["step"] for report in told] == sorted(report["step"] for report in told)
    assert {report["step"] for report in told} == set(range(15))
    rows = [report for report in told if report["step"] == 5 and report.get("doing") == "rows"]
    assert len(rows) > 1
    assert [report["done"] for report in rows] == sorted({report["done"] for report in rows})
    assert rows[-1]["done"] == rows[-1]["of"] > 1
    assert all(report["loss"] == rows[0]["loss"] for report in rows), "of the last step that is done"
    evaluating = [(report["done"], report["of"]) for report in told if report.get("doing") == "evaluating pair en"]
    assert (8, 8) in evaluating
    assert 0 < evaluating[0][0] < 8


def test_a_damaged_checkpoint_costs_time_and_no_result(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    whole, _ = go(tiny_folder, tmp_path / "a", RECIPE)
    (tmp_path / "state.pt").write_bytes(b"PK\x03\x04 cut off")
    model, _ = go(tiny_folder, tmp_path, RECIPE)
    assert all(torch.equal(v, model.state_dict()[n]) for n, v in whole.state_dict().items())


@pytest.mark.parametrize("damage", ["a bit of a weight", "a weight is missing", "another optimizer"])
def test_a_checkpoint_that_is_not_what_was_written_changes_no_weight(tiny_folder: Path, tmp_path: Path, damage: str) -> None:
    (tmp_path / "a").mkdir()
    whole, _ = go(tiny_folder, tmp_path / "a", RECIPE)
    assert go(tiny_folder, tmp_path, RECIPE, StopAfter(5))[1] is None
    path = tmp_path / "state.pt"
    content = torch.load(path, weights_only=True)
    match damage:
        case "a bit of a weight":
            largest = max(content["model"].values(), key=torch.numel)
            raw = bytearray(path.read_bytes())
            raw[raw.index(largest.numpy().tobytes()) + 2] ^= 16
            path.write_bytes(bytes(raw))
            assert torch.load(path, weights_only=True)["state"] == content["state"], "torch does not see it"
        case "a weight is missing":
            del content["model"][list(content["model"])[-1]]
            torch.save(content, path)
        case "another optimizer":
            content["optimizer"]["param_groups"].pop()
            torch.save(content, path)
    model, _ = go(tiny_folder, tmp_path, RECIPE)
    assert all(torch.equal(v, model.state_dict()[n]) for n, v in whole.state_dict().items())


def test_a_checkpoint_of_an_earlier_version_costs_time_and_no_result(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    whole, _ = go(tiny_folder, tmp_path / "a", RECIPE)
    assert go(tiny_folder, tmp_path, RECIPE, StopAfter(5))[1] is None
    content = torch.load(tmp_path / "state.pt", weights_only=True)
    torch.save({{"state": "progress", "selected": "kept"}.get(n, n): v for n, v in content.items()}, tmp_path / "state.pt")
    model, _ = go(tiny_folder, tmp_path, RECIPE)
    assert all(torch.equal(v, model.state_dict()[n]) for n, v in whole.state_dict().items())


def test_average_is_the_mean_of_the_last_marks(tiny_folder: Path, tmp_path: Path) -> None:
    """The plain way: stop at each mark and keep the weights oneself."""
    marks = evaluation_steps(14, 7)[-3:]
    kept = []
    for mark in marks:
        folder = tmp_path / str(mark)
        folder.mkdir()
        model, record = go(tiny_folder, folder, RECIPE.model_copy(update={"policy": "last"}), StopAfter(mark))
        assert record is None or mark == 14
        kept.append({n: v.clone() for n, v in model.state_dict().items()})
    (tmp_path / "avg").mkdir()
    averaged, record = go(tiny_folder, tmp_path / "avg", RECIPE)
    assert record["selection"] == f"the mean of the weights at steps {marks}"
    for name, value in averaged.state_dict().items():
        torch.testing.assert_close(value, torch.stack([k[name] for k in kept]).mean(0))


def test_en_dev_leaves_the_best_weights(tiny_folder: Path, tmp_path: Path) -> None:
    _, record = go(tiny_folder, tmp_path, RECIPE.model_copy(update={"policy": "en_dev"}))
    assert len(record["dev"]) == 7
    assert record["dev_final"]["mean"] == max(d["mean"] for d in record["dev"])


def test_learning_a_rule(tiny_folder: Path, tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"steps": 150, "policy": "last"})
    codec = CODECS["classify"](Classify(labels=("y", "n"), texts=1), load_tokenizer(tiny_folder / "encoder"), recipe)
    rule = [ClassifyExample(e.id, e.texts[:1], "y" if "kami" in e.texts[0] else "n") for e in pairs(80)]
    model = fresh_model(tiny_folder, {"t": codec}, 0.0)
    member = MixtureTask("t", codec, codec.encode(rule, True), {"en": rule}, ACCURACY)
    record = Training(model, [member], recipe, plan_of("t", seed=0), tmp_path).run()
    assert record is not None
    assert record["dev_final"]["t"] > 0.9


def test_work_faster_than_the_peak_has_no_utilisation(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was measured while other work slowed it down, and then says nothing."""
    (tmp_path / "a").mkdir()
    known = go(tiny_folder, tmp_path / "a", RECIPE)[1]
    assert 0 < known["utilisation"] <= 1
    assert known["peak_flops"] > 0
    monkeypatch.setattr("xstilts.train.loop.measure_peak_flops", lambda *_: 1.0)
    (tmp_path / "b").mkdir()
    unknown = go(tiny_folder, tmp_path / "b", RECIPE)[1]
    assert (unknown["utilisation"], unknown["peak_flops"]) == (None, None)
    assert unknown["tokens_per_second"] > 0


def test_a_loss_that_is_not_finite_names_the_step(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFinite, match=r"at step \d+"):
        go(tiny_folder, tmp_path, RECIPE.model_copy(update={"lr": 1e30, "clip": 1e30, "warmup": 0.0}))


@given(st.integers(1, 400), st.floats(0, 1))
def test_the_learning_rate_warms_up_and_decays(steps: int, warmup: float) -> None:
    recipe = Recipe(lr=1.0, warmup=warmup)
    rates = [learning_rate(s, steps, recipe) for s in range(steps)]
    assert all(0 < r <= 1 for r in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert learning_rate(steps, steps, recipe) == 0 or round(steps * warmup) == steps


def test_steps_of_a_mixture() -> None:
    assert total_steps([100], 10**6, Recipe(batch=32, epochs=2)) == 8
    assert total_steps([100, 1000], 64, Recipe(batch=32, epochs=3)) == 3 * (2 + 2)
    assert total_steps([100], 64, Recipe(batch=32, epochs=2)) == 8, "a task alone is seen whole"
    assert total_steps([100], 10, Recipe(steps=7)) == 7
    assert evaluation_steps(3, 10) == [1, 2, 3]
    assert evaluation_steps(100, 4) == [25, 50, 75, 100]
