"""`xstilts encoders`: the table, and the check of one folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.model.tiny_encoders import make_encoder
from typer.testing import CliRunner

from xstilts.cli import main
from xstilts.cli.app import app
from xstilts.model.architectures import ENCODER_TYPES

pytestmark = pytest.mark.tiny


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["encoders", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def record_of(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(run(str(folder), "--json"))
    return record


def test_the_table_names_every_type() -> None:
    text = run()
    assert all(name in text for name in ENCODER_TYPES)
    assert [row["model_type"] for row in json.loads(run("--json"))] == list(ENCODER_TYPES)


def test_a_folder_is_described_and_left_alone(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "enc", "bert")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    record = record_of(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert (record["blocks"], record["hidden"], record["positions"], record["token_types"]) == (3, 32, 64, True)
    assert record["pretrained_mlm_head"] and not record["blank_before_words"] and record["text_begins_with"] == ["[CLS]"]
    assert record["tokenizer"] == "as given"
    text = run(str(folder))
    assert "3 blocks of 32" in text and "0 and 1 for the two texts of a pair" in text


def test_byte_level_words_and_local_windows_are_said(tmp_path: Path) -> None:
    text = run(str(make_encoder(tmp_path, "modernbert")))
    assert "with a blank before them" in text and "local windows" in text and "without head" in text


def test_a_refused_one_exits_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_encoder(tmp_path / "enc", "electra")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 9}))
    monkeypatch.setattr("sys.argv", ["xstilts", "encoders", str(folder)])
    with pytest.raises(SystemExit) as error:
        main()
    assert error.value.code == 2
    assert "hold 3 of 9 blocks" in " ".join(capsys.readouterr().err.split())
