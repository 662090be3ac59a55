"""What pictures give, as a report says it: on a tiny finished study."""

from __future__ import annotations

from math import isclose
from pathlib import Path

import pytest

from tests.stages.test_see import pictured_study
from xstilts.analysis import formatting as fmt
from xstilts.analysis.picture_examples import PictureExample
from xstilts.analysis.robustness import OTHERS
from xstilts.execution.execute import execute
from xstilts.plan.compile import compile_study
from xstilts.report.document import build_document
from xstilts.report.findings import Findings, read_findings
from xstilts.report.render.html import render_html
from xstilts.report.render.markdown import render_markdown
from xstilts.report.tables.conditions import keep_conditions
from xstilts.report.tables.pictures import draw_look, pictures_table
from xstilts.store.store import Store

pytestmark = pytest.mark.tiny


@pytest.fixture(scope="module")
def findings(forked_workers: None, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    conditions = ["shuffled_pictures", "blank_picture", "characters"]
    study = pictured_study(chains={"none": [], "nli": ["world/nli"]}, conditions=conditions)
    plan, store = compile_study(study), Store(tmp_path_factory.mktemp("store"))
    assert not execute(plan, store, 2).errors
    return read_findings(plan, store)


def test_what_the_picture_gives_is_the_score_with_it_less_that_without(findings: Findings) -> None:
    table = pictures_table(keep_conditions(findings, "ablation"))
    assert table is not None and table.rows == 4
    rows = {(line[0], line[2]): line for _, lines in table.groups for line in lines}
    for row in findings.attacked:
        if row.language == OTHERS and row.condition != "characters":
            clean, changed, gives, moved = rows[row.chain, row.condition][3:7]
            given = row.clean - row.attacked
            assert (clean, changed, gives) == (fmt.score(row.clean), fmt.score(row.attacked), fmt.points(given))
            if row.chain == "nli":
                place = ("none", row.condition, OTHERS)
                none = next(x for x in findings.attacked if (x.chain, x.condition, x.language) == place)
                assert moved == fmt.points(given - (none.clean - none.attacked))


def test_ablations_and_attacks_have_sections_of_their_own(findings: Findings) -> None:
    text = render_markdown(build_document(findings))
    pictures, robustness = text.index("## Pictures"), text.index("## Robustness")
    assert pictures < robustness
    first, rest = text[pictures:robustness], text[robustness:]
    assert "shuffled_pictures" in first and "characters" not in first
    assert "characters" in rest and "shuffled_pictures" not in rest.split("## Claims")[0].split("## Examples")[0]
    assert all(line.line.condition == "characters" for line in findings.residuals)


def test_examples_show_drawn_pictures_and_where_models_look(findings: Findings) -> None:
    assert len(findings.pictures) == 8
    for one in findings.pictures:
        assert one.png.startswith(b"\x89PNG") and one.size == (24, 24) and set(one.answers) == {"none", "nli"}
        assert all(len(falls) == 9 for falls in one.falls.values())
    page = render_html(build_document(findings))
    assert page.count('<svg class="look"') == 8 * 3
    assert "data:image/png;base64," in page


def test_a_photograph_is_named_and_not_shown(tmp_path: Path) -> None:
    one = PictureExample("e", "t", 0, "en", "123.jpg", b"", (1, 1), "a dog", "neutral", {}, {})
    assert draw_look(one, ()) == ""
    drawn = draw_look(one, (0.5, -1.0, 2.0, 0.0))
    assert "<image" not in drawn and drawn.count("<rect") == 4
    opacities = [float(part.split('"')[0]) for part in drawn.split('fill-opacity="')[1:]]
    assert isclose(max(opacities), 0.75) and opacities[1] == 0 and opacities[2] == max(opacities)
    assert draw_look(one, (-1.0, -2.0, -3.0, -4.0)).count("<rect") == 0, "nothing helps the answer"
