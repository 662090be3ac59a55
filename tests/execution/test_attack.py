"""Functions as victims, with known answers; and the model of a finished cell."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from tests.conftest import tiny_record, tiny_study
from typer.testing import CliRunner

import xstilts.notebook as notebook
from xstilts.attacks.search import Found
from xstilts.cli import app
from xstilts.cli.views.attack import print_attacks, write_rows
from xstilts.errors import InputError
from xstilts.execution.attack import Attacked, attack_function, make_method, summarise_attacks
from xstilts.execution.execute import execute
from xstilts.execution.language_pairs import PairScore, summarise_pairs
from xstilts.formats.span import SpanAnswer, SpanExample
from xstilts.plan.compile import compile_study
from xstilts.store.store import Store

EXAMPLES = [
    {"texts": ["the red tower stands alone", "the tower is red"], "answer": "1"},
    {"texts": ["a small boat crosses the river", "nobody is there"], "answer": "0"},
    {"texts": ["the tower fell in the storm", "there was a storm"], "answer": "1"},
]


def run(victim: Any, attacks: Sequence[str] = ("characters",), **options: Any) -> list[Any]:
    return list(attack_function(victim, "pawsx", EXAMPLES, attacks, "en", **options))


def constant(texts: Sequence[tuple[str, ...]]) -> list[list[float]]:
    return [[0.0, 1.0] for _ in texts]


def keyword(texts: Sequence[tuple[str, ...]]) -> list[list[float]]:
    return [[0.5, float(any("tower" in text for text in pair))] for pair in texts]


def test_a_constant_victim_is_never_broken() -> None:
    (summary,) = summarise_attacks(run(constant))
    assert (summary.examples, summary.right, summary.success) == (3, 2, 0.0)
    assert summary.clean == summary.attacked == pytest.approx(2 / 3)


def test_a_keyword_victim_breaks_when_the_keyword_does() -> None:
    """In the first example both texts have the word, and a budget of one word is not enough."""
    rows = run(keyword, method=make_method("greedy", 3), budget=0.01)
    assert [row.found.broken for row in rows] == [False, False, True]
    enough = run(keyword, method=make_method("greedy", 3), budget=0.3)
    assert [row.found.broken for row in enough] == [True, False, True]
    (summary,) = summarise_attacks(enough)
    assert summary.success == pytest.approx(2 / 3) and summary.attacked == pytest.approx(1 / 3)
    assert all(row.found.queries > 0 for row in enough)


def test_examples_without_variants_are_counted() -> None:
    """No number or name occurs in both texts."""
    (summary,) = summarise_attacks(run(constant, ("rename",)))
    assert (summary.right, summary.untouched, summary.success, summary.queries) == (2, 2, 0.0, 0)


def test_no_more_queries_than_allowed() -> None:
    assert all(row.found.queries <= 2 for row in run(keyword, method=make_method("greedy", 3), most_queries=2))


def test_nothing_right_is_no_success_rate() -> None:
    (summary,) = summarise_attacks(run(lambda texts: [[float(e["answer"] == "1"), 0.5] for e in EXAMPLES][: len(texts)]))
    assert summary.right == 0 and math.isnan(summary.success)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"victim": lambda texts: [[0.0]] * len(texts)}, r"shape \(3, 1\) for 3 examples; expected \(3, 2\): a score of 0, 1"),
        ({"victim": lambda texts: [[math.nan, 1.0]] * len(texts)}, "NaN"),
        ({"attacks": ["charcters"]}, "did you mean 'characters'"),
        ({"attacks": ["entities"]}, "it is for the format tag"),
        ({"attacks": ["segmentation"]}, "segmentation changes no text, only how the victim's tokenizer cuts it"),
        ({"language": "zh", "attacks": ["characters"]}, "characters"),
        ({"attacks": ["language_pair"]}, "needs the same examples in other languages"),
        ({"attacks": ["hotflip"]}, "hotflip: it asks the model itself, and a function has only scores"),
        ({"task": "udpos"}, "fits classification only"),
        ({"examples": [{"texts": ["one"], "answer": "1"}]}, "a list of 2 texts"),
        ({"examples": [{"texts": ["one", "two"], "answer": "yes"}]}, "answer 'yes' is none of 0, 1"),
    ],
)
def test_what_does_not_fit_is_said(change: dict[str, Any], message: str) -> None:
    given = {"victim": constant, "task": "pawsx", "examples": EXAMPLES, "attacks": ["characters"], "language": "en", **change}
    with pytest.raises(InputError, match=message):
        list(attack_function(**given))


def test_from_python_a_function_needs_its_task() -> None:
    with pytest.raises(InputError, match="give all three"):
        notebook.attack(keyword, "characters", "en")
    with pytest.raises(InputError, match="leave them out where the victim is a function"):
        notebook.attack(keyword, "characters", "en", task="pawsx", examples=EXAMPLES, surrogate=object())  # type: ignore[arg-type]
    found = notebook.attack(keyword, "characters", "en", task="pawsx", examples=EXAMPLES, search="greedy", budget=0.3)
    assert found["broken"].tolist() == [True, False, True]
    assert found.loc[found["broken"], "attacked_text"].str.contains("tower").sum() == 0


@pytest.mark.tiny
def test_a_cell_is_a_victim(forked_workers: None, tmp_path: Path) -> None:
    """Its margin is below 0 where its prediction was wrong, and misfits are said."""
    recipe = {"lr": 3e-3, "batch": 8, "steps": 60, "max_length": 64, "stride": 16, "evaluations": 5, "average": 2}
    targets = ["world/pos", "world/paraphrase", "world/tydiqa"]
    study = tiny_study(chains={"none": []}, targets=targets, recipes={"default": recipe}, random_init=False)
    store = Store(tmp_path)
    assert not execute(compile_study(study), store, workers=2).errors
    cells = notebook.cells(study, store)
    pairs = notebook.language_pairs(cells["none/paraphrase/0"])
    codes = list(dict.fromkeys(pairs["first"]))
    assert len(pairs) == len(codes) ** 2 and pairs["n"].nunique() == 1
    own = notebook.examples(cells["none/paraphrase/0"], "en")
    english = pairs[(pairs["first"] == "en") & (pairs["second"] == "en")]
    assert english["score"].item() == pytest.approx(own["score"].mean()) and english["n"].item() == len(own)
    with pytest.raises(InputError, match="pairs of languages: it is for the format"):
        notebook.language_pairs(cells["none/pos/0"])
    for name, misfit in (("none/paraphrase/0", ""), ("none/pos/0", "symmetry"), ("none/tydiqa/0", "symmetry")):
        cell, attacks = cells[name], ["punctuation", "characters", *filter(None, [misfit])]
        if name == "none/tydiqa/0":
            with pytest.warns(UserWarning, match="checklist in l1: left out, because its words follow from the seed"):
                items = notebook.attack(cell, "checklist", limit=5, count=3)
            assert len(items) == 15 and not items["broken"].any() and (items["clean"] == items["attacked"]).all()
            assert items["text"].nunique() > 10 and (items["attacked_text"] == "").all()
            with pytest.raises(InputError, match="checklist writes examples of its own"):
                notebook.attack(cell, "checklist", "en", search="greedy")
        with pytest.warns(UserWarning, match=f"{misfit}: left out") if misfit else nullcontext():
            found = notebook.attack(cell, attacks, limit=20, count=2)
        known = notebook.examples(cell).set_index(["language", "id"])["score"]
        assert found.groupby(["attack", "language"]).size().max() <= 20
        for row in found.itertuples():
            score = known[row.language, row.id]
            assert math.isnan(score) or (row.clean >= 0) == (score == 1.0 if name != "none/tydiqa/0" else score >= 0.5)
            assert abs(row.clean) != 0.5, "a margin, also of spans"
            assert row.attacked <= row.clean and row.broken == (row.attacked < 0 <= row.clean)


@pytest.mark.tiny
def test_a_cell_attacked_through_its_gradients_and_through_another_cell(forked_workers: None, tmp_path: Path) -> None:
    recipe = {"lr": 3e-3, "batch": 8, "steps": 60, "max_length": 64, "evaluations": 2, "average": 1}
    changes: dict[str, Any] = {"chains": {"none": []}, "targets": ["world/paraphrase", "world/nli"], "seeds": [0, 1]}
    changes |= {"random_init": False}
    study = tiny_study(**changes, recipes={"default": recipe})
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_record(**changes, recipes={"default": recipe})))
    store = Store(tmp_path)
    assert not execute(compile_study(study), store, workers=2).errors
    cells = notebook.cells(study, store)
    victim, other = cells["none/paraphrase/0"], cells["none/paraphrase/1"]
    found = notebook.attack(victim, ["hotflip", "pgd"], ["en", "l1"], limit=20)
    names = ["hotflip", "pgd 0.01", "pgd 0.03", "pgd 0.1", "pgd 0.3"]
    assert list(dict.fromkeys(found["attack"])) == names and found.groupby(["attack", "language"]).size().nunique() == 1
    text = found[found["attack"] == "hotflip"]
    assert text["broken"].any() and (text.loc[text["broken"], "attacked_text"] != "").all()
    noise = found[found["attack"] != "hotflip"]
    assert (noise["attacked_text"] == "").all() and noise.groupby("attack")["broken"].sum().is_monotonic_increasing
    with pytest.warns(UserWarning, match="on neither side"):
        carried = notebook.attack(victim, ["characters", "hotflip"], "en", limit=20, surrogate=other)
    assert list(carried.columns[-2:]) == ["surrogate_clean", "surrogate_attacked"] and carried["queries"].max() == 1
    own = notebook.attack(other, "hotflip", "en", limit=20)
    assert carried[carried["attack"] == "hotflip"]["surrogate_attacked"].tolist() == own["attacked"].tolist()
    with pytest.raises(InputError, match="pgd makes no text"):
        notebook.attack(victim, ["pgd"], "en", surrogate=other)
    with pytest.raises(InputError, match="the victim's own model"):
        notebook.attack(victim, ["hotflip"], "en", surrogate=victim)
    nli = cells["none/nli/1"]
    with pytest.warns(UserWarning, match="substitute: nothing keeps the label and no judge was asked"):
        plain = notebook.attack(victim, "substitute", "en", limit=8, count=2, budget=0.3)
    assert plain["broken"].any() and plain["queries"].max() > 8
    judged = notebook.attack(victim, "substitute", "en", limit=8, count=2, budget=0.3, judge=nli)
    assert judged["attacked_text"].tolist() == plain["attacked_text"].tolist()
    assert judged["kept"].notna().tolist() == judged["broken"].tolist()
    with pytest.raises(
        InputError, match="the judge answers world/paraphrase; expected a cell of a task with the label entailment"
    ):
        notebook.attack(victim, "substitute", "en", judge=other)

    def run_verb(*more: str) -> str:
        line = ["attack", str(tmp_path / "tiny.yaml"), "none/paraphrase/0", "--store", str(tmp_path), "--languages", "en", *more]
        done = CliRunner().invoke(app, [*line, "--limit", "8", "--count", "2"], env={"COLUMNS": "200"}, catch_exceptions=False)
        return done.stdout

    printed = run_verb("--with", "characters,hotflip", "--from", "none/paraphrase/1")
    assert "surrogate broken" in printed and "victim broken" in printed
    through = ["--check", "--from", "none/paraphrase/1", "--json"]
    rungs = json.loads(run_verb("--with", "characters,hotflip", *through))
    assert [(one["attack"], one["search"]) for one in rungs] == [
        *(("characters", name) for name in ("random", "random", "transfer", "asks the victim")),
        *(("hotflip", name) for name in ("random", "transfer", "asks the victim")),
    ]
    assert len({one["right"] for one in rungs}) == 1
    rungs = json.loads(run_verb("--with", "pgd,substitute", "--budget", "0.1", *through))
    assert [(one["attack"], one["search"]) for one in rungs] == [
        *(("pgd", name) for name in ("random", "asks the victim")),
        *(("substitute", name) for name in ("random", "random", "transfer", "asks the victim")),
    ]
    assert rungs[0]["tried"] == rungs[1]["tried"] == 10
    study_file = tmp_path / "tiny.yaml"
    (row,) = json.loads(run_verb("--with", "substitute", "--judge", f"{study_file}:none/nli/0", "--json"))
    assert (row["attack"], row["examples"]) == ("substitute", 8)
    with pytest.raises(InputError, match="has no rows to judge or to write"):
        run_verb("--with", "characters", "--check", "-o", "rows.csv")
    check_reviewer(tmp_path, study_file)


def check_reviewer(folder: Path, study_file: Path) -> None:
    """An NLI cell as a reviewer of claims: it reads more than its recipe's tokens, and one without a score is refused."""
    from xstilts.cli.app import load_plan
    from xstilts.plan.cell import find_cell
    from xstilts.stages.judge import CellJudge

    judge = CellJudge(Store(folder), find_cell(load_plan(str(study_file), [], draft=True).cells, "none/nli/0").answered)
    recipe = judge._predictor.codec.max_length
    assert judge.longest > recipe
    fits, too_long = ("word " * ((recipe + judge.longest) // 3), "word " * 2 * judge.longest)
    ends = judge.weigh([(fits + end, "a claim") for end in ("no", "yes and more")])
    assert ends[0] != ends[1] and judge.cut == 0, "the end of a text counts"
    judge.weigh([(too_long, "a claim"), ("short", "a claim")])
    assert judge.cut == 1
    (folder / "paper.txt").write_text("Boats are green. They sail in winter.", encoding="utf-8")
    words = ["check", "Boats are green.", "--in", str(folder / "paper.txt"), "--store", str(folder)]
    with pytest.raises(InputError, match="no English score of it, so nobody knows whether it learned"):
        CliRunner().invoke(app, [*words, "--reviewer", f"{study_file}:none/nli/0"], catch_exceptions=False)


def test_items_that_stand_alone_are_counted_right_or_wrong() -> None:
    items = [SpanExample(f"q#{i}", "Who?", "Not Ann but Bo.", (SpanAnswer("Bo", 12),)) for i in range(4)]
    found = [Found(item.id, score, score, None, 0, 0.0) for item, score in zip(items, (0.5, -0.5, 0.1, 0.2), strict=True)]
    rows = [Attacked("checklist", "en", item, one, alone=True) for item, one in zip(items, found, strict=True)]
    (summary,) = summarise_attacks(rows)
    assert (summary.examples, summary.right, summary.clean, summary.attacked) == (4, 3, 0.75, 0.75)
    assert math.isnan(summary.success)
    console = Console(width=200, record=True, file=io.StringIO())
    print_attacks(console, [summary], rows)
    text = console.export_text()
    assert "75.0 %" in text and "item   Who? | Not Ann but Bo." in text and "broken" not in text and "after" not in text


def test_what_nobody_sees_is_shown_in_the_terminal(tmp_path: Path) -> None:
    rows = run(keyword, ("zero_width",), method=make_method("greedy", 3), budget=0.5)
    console = Console(width=200, record=True, file=io.StringIO())
    print_attacks(console, summarise_attacks(rows), rows)
    text = console.export_text()
    assert "[U+200B]" in text and "\u200b" not in text and "right was 1" in text
    write_rows(tmp_path / "rows.csv", rows)
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        assert [row["broken"] for row in csv.DictReader(file)] == [str(row.found.broken) for row in rows]
    write_rows(tmp_path / "rows.csv", [rows[0], replace(rows[1], kept=True)])
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        assert [row["kept"] for row in csv.DictReader(file)] == ["", "True"], "a judge is asked about what is broken"
    with pytest.raises(InputError, match="cannot be written"):
        write_rows(tmp_path / "no" / "rows.jsonl", rows)


def test_the_summary_of_a_matrix_of_languages() -> None:
    scores = {("a", "a"): 0.9, ("a", "b"): 0.5, ("b", "a"): 0.7, ("b", "b"): 0.8}
    found = summarise_pairs([PairScore(*pair, score, 10) for pair, score in scores.items()])
    assert (found.diagonal, found.mixed, found.asymmetry) == pytest.approx((0.85, 0.6, 0.2))
    assert (found.worst.first, found.worst.second) == ("a", "b")
