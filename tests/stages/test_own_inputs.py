"""Files of inputs of one's own: checked before anything is computed, and never held as a whole."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from xstilts.errors import InputError
from xstilts.formats.classify import Classify
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.stages import own_inputs
from xstilts.stages.contracts import PredictConfig, PredictInputs, PredictRecipe
from xstilts.stages.stage import PredictStage
from xstilts.store.store import Store


class Lengths:
    """Stands for a model: it answers with the length of the first text, a window at a time."""

    def __init__(self) -> None:
        self.read = 0

    def answer(self, examples: Iterable[Example], window: int) -> Iterator[Prediction]:
        stream = iter(examples)
        while some := list(islice(stream, window)):
            self.read += len(some)
            yield from (Prediction(example.id, str(len(example.texts[0]))) for example in some)  # type: ignore[attr-defined]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Lengths:
    found = Lengths()
    monkeypatch.setattr(own_inputs, "load_predictor", lambda *_: found)
    return found


def stage() -> PredictStage:
    config = PredictConfig("mine", "mine", Classify(("1", "2"), 1), ("en",), PredictRecipe(32, 8, "fp32"))
    unused: Any = None
    return PredictStage(config, PredictInputs(unused, {}), "mine")


def write(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_lines_keep_their_fields_and_order(model: Lengths, tmp_path: Path) -> None:
    given = write(tmp_path / "in.jsonl", [{"id": "q", "texts": ["ab"], "note": "ü"}, "abc"])
    given.write_text(given.read_text() + "\n  \n")  # blank lines are none
    assert own_inputs.predict_file(Store(tmp_path), stage(), given, tmp_path / "out.jsonl") == 2
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        {"id": "q", "texts": ["ab"], "note": "ü", "prediction": "2"},
        {"texts": ["abc"], "prediction": "3"},
    ]


def test_a_long_file_streams(model: Lengths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_inputs, "WINDOW", 10)
    given = write(tmp_path / "in.jsonl", (["x" * (n % 7)] for n in range(300)))
    ahead, seen = [], []

    def show(done: int, total: int) -> None:
        ahead.append(model.read - done)
        seen.append((done, total))

    assert own_inputs.predict_lines(Store(tmp_path), stage(), given, io.StringIO(), show) == 300
    assert max(ahead) <= 10
    assert seen[0] == (0, 300)
    assert seen[-1] == (300, 300)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "in.jsonl:2: not JSON"),
        ('{"words": ["a"]}', "in.jsonl:2: no field 'texts'; expected"),
        ('{"texts": ["a"], "prediction": "1"}', "in.jsonl:2: it has a field 'prediction' already"),
    ],
)
def test_a_wrong_line_stops_before_the_first_prediction(line: str, message: str, model: Lengths, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(f'["a"]\n{line}\n')
    with pytest.raises(InputError) as error:
        own_inputs.predict_file(Store(tmp_path), stage(), tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert message in str(error.value)
    assert model.read == 0
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_inputs_are_not_replaced_by_their_predictions(model: Lengths, tmp_path: Path) -> None:
    given = write(tmp_path / "in.jsonl", ["a"])
    with pytest.raises(InputError, match="would replace their own inputs"):
        own_inputs.predict_file(Store(tmp_path), stage(), given, given)
    with pytest.raises(InputError, match=r"nowhere\.jsonl: expected a file"):
        own_inputs.predict_file(Store(tmp_path), stage(), tmp_path / "nowhere.jsonl", tmp_path / "out.jsonl")
