"""The words of tables: settings as a reader should see them, remarks that say nothing twice, long tables folded."""

from __future__ import annotations

from dataclasses import replace

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis import formatting as fmt
from xstilts.data.cc100 import CC100_GIB
from xstilts.report.document import LONG_TABLE, Fold, build_document
from xstilts.report.findings import Findings, compute_findings
from xstilts.report.tables.gains import gains_table, list_remarks
from xstilts.report.tables.setup import find_shared_settings, recipes_table, shared_data_table
from xstilts.report.tables.table import make_table

CHAINS = (chain("none"), chain("squad", "squad_v1"), chain("qqp", "qqp"))


def made(**skill: float) -> Findings:
    """Accuracy of every chain on XNLI, where a third is guessed."""
    info = target("xnli", chance=1 / 3, trains_on="mnli")
    levels = {(name, "xnli"): value for name, value in skill.items()}
    return compute_findings(make_results(chains=CHAINS, targets=(info,), skill=levels, n=200), 100)


def test_settings_that_do_not_apply_are_not_shown() -> None:
    recipes = {
        "pre-training": {"lr": 1e-3, "steps": 700, "epochs": 3.0, "dropout": 0.0, "lora": None, "lora_alpha": 16},
        "fine-tuning": {"lr": 1e-3, "steps": None, "epochs": 2.0, "dropout": None, "lora": None, "lora_alpha": 16},
    }
    findings = made(none=0.5, squad=0.6)
    findings = replace(findings, results=replace(findings.results, recipes=recipes))
    table = recipes_table(findings)
    assert table.columns == ("phase", "steps", "epochs", "dropout")
    assert table.groups[0][1] == (
        ("pre-training", "700", fmt.NOTHING, "0.0"),
        ("fine-tuning", fmt.NOTHING, "2.0", "the encoder's"),
    )
    assert find_shared_settings(findings)["lr"] == "0.001"
    methods = next(section for section in build_document(findings).sections if section.title == "Method")
    written = " ".join(line for block in methods.blocks for line in getattr(block, "lines", ()))
    assert "lora" not in written


def test_what_chains_share_with_targets_is_a_table() -> None:
    findings = made(none=0.5, squad=0.6, qqp=0.6)
    assert shared_data_table(findings) is None
    info = replace(findings.results.targets[0], training_data=frozenset({"mnli", "snli_hypothesis"}))
    chains = (*CHAINS, chain("mnli", "mnli"), chain("mixed", "qqp", "snli_hypothesis"))
    table = shared_data_table(replace(findings, results=replace(findings.results, targets=(info,), chains=chains)))
    assert table is not None and table.groups[0][1] == (
        ("mnli", "xnli", "mnli", "the target's own training data"),
        ("mixed", "xnli", "snli_hypothesis", "texts of the target's training data"),
    )


def test_a_remark_does_not_repeat_the_verdict_and_names_the_side() -> None:
    findings = made(none=0.33, squad=0.34, qqp=0.7)
    gains = {gain.chain: gain for gain in findings.gains_over("none")}
    assert list_remarks(gains["squad"]) == ("near chance",)
    assert list_remarks(gains["qqp"]) == ("near chance without it",)
    table = gains_table(findings.gains_over("none"), findings, "Gains.")
    rows = {row[0]: row for _, rows in table.groups for row in rows}
    verdict = table.columns.index("verdict")
    assert rows["squad"][verdict : verdict + 2] == ("near chance", "")
    assert rows["qqp"][verdict + 1] == "near chance without it"


def test_a_long_table_by_group_is_folded() -> None:
    codes = tuple(CC100_GIB)
    infos = tuple(target(name, languages=codes) for name in ("xnli", "pawsx"))
    skill = {(c.name, info.name): 0.5 for c in CHAINS for info in infos}

    def parts(encoders: tuple[str, ...]) -> list[str]:
        found = compute_findings(make_results(chains=CHAINS, targets=infos, skill=skill, n=50, encoders=encoders), 100)
        section = next(section for section in build_document(found).sections if section.title == "Gains by group")
        folded = [block for block in section.blocks if isinstance(block, Fold)]
        assert all(inner.rows > LONG_TABLE for block in folded for inner in block.blocks if inner.kind == "table")
        return [block.kind for block in section.blocks]

    assert parts(("base",))[1:3] == ["table", "rows"]
    assert parts(("base", "large"))[1:3] == ["fold", "rows"]


def test_a_table_of_sentences_is_told_from_one_of_numbers() -> None:
    assert make_table("Claims.", ("claim", "why"), [("short", "Because of a long sentence " * 4)]).wordy
    assert not make_table("Scores.", ("chain", "xnli"), [("a chain with a very long name " * 4, "50.0")]).wordy


def test_one_seed_is_not_spoken_of_as_several() -> None:
    info = target("xnli", chance=1 / 3, trains_on="mnli")
    levels = {(name, "xnli"): value for name, value in (("none", 0.5), ("squad", 0.6))}

    def said(*seeds: int) -> str:
        found = compute_findings(make_results(chains=CHAINS[:2], targets=(info,), skill=levels, n=100, seeds=seeds), 100)
        return " ".join(
            line for section in build_document(found).sections for block in section.blocks for line in getattr(block, "lines", ())
        )

    one, two = said(0), said(0, 1)
    assert "bootstrap intervals over examples." in one
    assert "do not cover other seeds, encoders" in one
    assert "With 1 seed, the spread between seeds is not known" in one
    assert "other seeds and" not in one
    assert "over seeds and examples. With few seeds" in two
    assert "With 2 seeds, the spread between seeds is poorly known" in two
