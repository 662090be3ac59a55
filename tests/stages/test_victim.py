"""Models that compare vectors as victims. (That translations break as in a study is shown in tests/execution.)"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.conftest import tiny_study
from tests.stages.test_embed import candidate, job_of, vectors_of

from xstilts.errors import InputError
from xstilts.execution.attack import list_rounds
from xstilts.formats.bitext_mining import PoolExample
from xstilts.plan.compile import compile_study
from xstilts.stages import embed as stage
from xstilts.stages.contracts import RetrievalSetting
from xstilts.stages.stage import EmbedStage
from xstilts.stages.victim import load_victim

pytestmark = pytest.mark.tiny
QUERIES = {
    code: [PoolExample("q0", "bo bo", "", "query", (f"{code}0",)), PoolExample("q1", "mi ka", "", "query", (f"{code}1",))]
    for code in ("en", "de")
}
POOLS = {
    code: [candidate(f"{code}0", f"bo bo {end}"), candidate(f"{code}1", f"mi ka {end}")]
    for code, end in (("en", "mi"), ("de", "ka"))
}


@pytest.mark.parametrize("centred", [False, True])
def test_an_attacked_query_searches_the_clean_pools_of_all_languages(tiny_folder: Path, tmp_path: Path, centred: bool) -> None:
    texts: dict[str, Any] = {code: [*QUERIES[code], *POOLS[code]] for code in QUERIES}
    job = job_of(tmp_path, tiny_folder, "rank", texts)
    stage.run(job)
    study = tiny_study(targets=["lareqa"], languages=list(texts), chains={"none": []}, random_init=False)
    score = compile_study(study, draft=True).cells[0].score
    score = replace(score, config=replace(score.config, retrieval=RetrievalSetting(2, "mean", centred)))
    made = score.inputs.predictions
    assert isinstance(made, EmbedStage)
    places = {made.key: job.out, made.inputs.model.key: tiny_folder}
    places |= {one.key: tmp_path / "texts" / code for code, one in score.inputs.gold.items()}
    store: Any = SimpleNamespace(outputs=lambda kind, slug, key: places[key])
    victim = load_victim(store, score, "de")

    def precision(text: str) -> float:
        """Of the gold candidates of q0, which are two."""
        pool = [one for code in score.config.languages for one in POOLS[code]]
        query, *others = vectors_of(tiny_folder, [text, *(one.text for one in pool)])
        if centred:
            query = query - vectors_of(tiny_folder, [one.text for one in QUERIES["de"]]).mean(0)
            means = {code: vectors_of(tiny_folder, [one.text for one in POOLS[code]]).mean(0) for code in POOLS}
            others = [vector - means[one.id[:2]] for vector, one in zip(others, pool, strict=True)]
        near = np.argsort([-query @ x / np.linalg.norm(query) / np.linalg.norm(x) for x in others], kind="stable")
        ranks = [rank for rank, i in enumerate(near, start=1) if pool[i].id in ("en0", "de0")]
        return (1 / ranks[0] + 2 / ranks[1]) / 2

    asked = [replace(QUERIES["de"][0], id=id, text=text) for id, text in (("q0", "bo bo"), ("q0#3", "mi ka"), ("q0#4", "ka mi"))]
    found = victim(asked)
    assert found == pytest.approx([precision(one.text) - 0.5 for one in asked])
    assert victim([]) == []


@pytest.mark.parametrize(
    ("target", "attack", "reason"),
    [
        ("bucc2018", "characters", "in mining each sentence competes with all others"),
        ("xvnli", "blank_picture", "blank_picture: left out, because it is an ablation and no attack: .* `conditions`"),
        ("tatoeba", "pgd", "pgd: left out, because it is for the format"),
    ],
)
def test_what_is_no_attack_of_a_cell_is_said(target: str, attack: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "examples.jsonl").write_text("")
    gold = {"de": SimpleNamespace(kind="fetch", slug="s", key="k")}
    cell: Any = SimpleNamespace(id=SimpleNamespace(target=target), score=SimpleNamespace(inputs=SimpleNamespace(gold=gold)))
    store: Any = SimpleNamespace(outputs=lambda *place: tmp_path)
    notes: list[str] = []
    with pytest.raises(InputError, match=f"nothing to attack {target} with; .*{reason}"):
        list_rounds(cell, store, [attack], note=notes.append)
    assert notes[0].startswith(f"{attack}: left out, because ")
