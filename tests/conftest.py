"""What all tests share: a study small enough to run in seconds, and the shared real data where a machine has it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from xstilts.study.study import Study, make_study

SHARED = Path(__file__).resolve().parents[2] / "shared"


def tiny_record(**changes: Any) -> dict[str, Any]:
    """A study on the embedded world whose every stage takes about a second."""
    record = {
        "name": "tiny",
        "question": "Does it run?",
        "encoders": ["world/tiny"],
        "pretrain": [{"mix": ["world/text"], "recipe": {"steps": 12, "lr": 1e-3}}],
        "chains": {"none": [], "squad": ["world/squad"]},
        "targets": ["world/tydiqa", "world/pos", "world/retrieval"],
        "languages": ["en", "l1"],
        "seeds": [0],
        "world": {"text": 60, "squad": 60, "tydiqa": 40, "pos": 40, "nli": 40, "choice": 40, "ner": 40, "paraphrase": 40, "dev": 12, "test": 16},
        "architecture": {"hidden": 16, "layers": 2, "heads": 2, "feed_forward": 32},
        "recipes": {"default": {"lr": 1e-3, "batch": 8, "steps": 10, "max_length": 64, "stride": 16, "evaluations": 5, "average": 2}},
    }
    return {**record, **changes}


def tiny_study(**changes: Any) -> Study:
    return make_study(tiny_record(**changes))


@pytest.fixture
def real_data() -> Path:
    """The folder of real data: $XSTILTS_DATA, or the one beside the checkout."""
    folder = Path(os.environ.get("XSTILTS_DATA") or SHARED / "data")
    if not folder.is_dir():
        pytest.skip("no real data here: set XSTILTS_DATA")
    return folder


@pytest.fixture
def mini_xlmr() -> Path:
    """The small real-text encoder beside the checkout."""
    folder = SHARED / "models" / "mini-xlmr"
    if not folder.is_dir():
        pytest.skip("the encoder mini-xlmr is not here")
    return folder
