"""What the README prints of the demo is said of the demo as it is. The estimates are those of one run; all else is known."""

import re
from pathlib import Path

from xstilts.analysis.truth import find_truth
from xstilts.plan.compile import compile_study
from xstilts.report.tables.truth import write_truth, write_verdicts
from xstilts.study import Study

README = Path(__file__).parents[1] / "README.md"


def read_output() -> str:
    """What the demo prints, on one line."""
    text = README.read_text(encoding="utf-8")
    (block,) = (found for found in re.findall(r"```text\n(.*?)```", text, re.DOTALL) if "reports/demo/report.html" in found)
    return " ".join(block.split())


def test_the_output_is_that_of_the_demo_as_it_is() -> None:
    study, output = Study.load("demo"), read_output()
    assert f"{len(compile_study(study, draft=True).stages)} stages run, 0 from the store" in output
    assert f"{len(study.seeds)} seeds)" in output
    assert f"Holm's correction over {len(study.primary)} comparisons" in output
    assert f"within ±{study.margin_of('world/pos'):g} points" in output


def test_the_truth_is_that_of_the_file() -> None:
    truth, output = find_truth(Study.load("demo")), read_output()
    assert truth is not None
    assert f"the mean of {truth.runs} runs with other seeds ({truth.repeats} studies of {truth.size})" in output
    shown = {("squad", "world/tydiqa", "none"), ("squad", "world/pos", "none"), ("squad", "world/tydiqa", "placebo")}
    for gain in truth.gains:
        if (gain.chain, gain.target, gain.over) in shown:
            over = "" if gain.over == "none" else f" over {gain.over}"
            assert f"{gain.chain} → {gain.target}{over}: {write_truth(gain)}, here " in output
            assert f"; their verdicts: {write_verdicts(gain)}." in output
            shown.remove((gain.chain, gain.target, gain.over))
    assert not shown
