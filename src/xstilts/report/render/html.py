"""The report as one self-contained HTML page. It loads nothing from elsewhere, and it works without its script.

The template escapes everything that comes from a study. Only the drawings of `figures/svg.py` and the page's own style and
script are inserted as markup. A number carries its id (`data-n`); a click on it shows how it was made and from which artefacts.
"""

import json
import math
import re
from collections.abc import Iterable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import jinja2
from markupsafe import Markup, escape

from xstilts.analysis import formatting as fmt
from xstilts.analysis.example_choice import TargetExamples
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import CONTROL_WORDS
from xstilts.analysis.scores import ENGLISH
from xstilts.report.answer.wording import locate
from xstilts.report.document import Document
from xstilts.report.figures import forest
from xstilts.report.figures.drawing import Dot, Drawing
from xstilts.report.figures.heat_map import link_to
from xstilts.report.figures.svg import draw_inline, read_template
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import gain_id
from xstilts.report.provenance.origins import find_origins
from xstilts.report.tables.gains import describe_gain
from xstilts.report.tables.retrieval import describe_best_setting

LONG_NAME = 14


def render_html(document: Document) -> str:
    """The whole page as text."""
    findings = document.findings
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("xstilts.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        points=fmt.points, score=fmt.score, host=lambda url: urlsplit(url).netloc or url, break_name=break_name
    )
    shown: dict[str, None] = {}

    def note(id: str) -> str:
        shown[id] = None
        return id

    def draw(drawing: Drawing) -> Markup:
        shown.update((mark.id, None) for mark in drawing.marks if isinstance(mark, Dot) and mark.id)
        return draw_inline(drawing)

    return environment.get_template("report.html.j2").render(
        document=document,
        findings=findings,
        style=Markup(read_template("style.css") + read_template("figures.css")),
        script=Markup(read_template("page.js")),
        write_origins=lambda: _write_origins(findings, shown),
        write_examples=partial(_write_examples, findings),
        note=note,
        list_controlled=partial(_list_controlled, findings),
        control_words=CONTROL_WORDS,
        link_to=partial(link_to, findings),
        gain_id=gain_id,
        describe_gain=describe_gain,
        describe_best_setting=describe_best_setting,
        bracket=fmt.bracket,
        draw=draw,
        draw_axis=forest.draw_axis,
        draw_interval=forest.draw_interval,
        choose_look=forest.choose_look,
        choose_scale=_choose_scale,
        average_sides=_average_sides,
    )


def break_name(text: str, least: int = LONG_NAME) -> Markup:
    """A name of more than `least` characters may wrap after a slash, a plus and the like. Copied text is unchanged."""
    return Markup("<wbr>").join(re.split(r"(?<=[/_+&@=~])", text)) if len(text) > least else escape(text)


def _list_controlled(findings: Findings, gain: Gain) -> list[Gain]:
    """The comparisons of the same chain and target with controls."""
    controlled = (*findings.gains_over("placebo"), *findings.gains_over("compute"))
    return [other for other in controlled if locate(other) == locate(gain)]


def _choose_scale(gain: Gain) -> float:
    """The scale of the forest plot of a pair by language."""
    return forest.choose_scale([row.interval for row in gain.languages] + ([gain.interval] if gain.interval else []))


def _average_sides(gain: Gain) -> tuple[float, float]:
    """The scores without and with the chain, mean over the languages other than English."""
    rows = [row for row in gain.languages if row.language != ENGLISH]
    return sum(row.control for row in rows) / len(rows), sum(row.treatment for row in rows) / len(rows)


def _write_examples(findings: Findings, targets: Iterable[TargetExamples]) -> Markup:
    """The examples as JSON for the page's script: a row is [language, id, text, gold, [[prediction, score], ...]]."""
    return _write_json(
        [
            {
                "title": findings.label(one.target, one.encoder),
                "seed": one.seed,
                "chains": one.chains,
                "hidden": bool(one.hidden),
                "languages": {code: findings.language(code) for code in dict.fromkeys(row.language for row in one.examples)},
                "rows": [
                    (row.language, row.id, row.text, row.gold, [(a.prediction, _round(a.score)) for a in row.answers])
                    for row in one.examples
                ],
            }
            for one in targets
        ]
    )


def _round(score: float) -> float | None:
    return None if math.isnan(score) else round(score, 3)


def _write_json(value: Any) -> Markup:
    return Markup(json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))


def _write_origins(findings: Findings, shown: Iterable[str]) -> Markup:
    """The origins of the numbers on the page, as JSON for the page's script."""
    known = find_origins(findings)
    found = {id: [known[id].how, [key[:12] for key in known[id].keys]] for id in shown if id in known}
    return _write_json(found)
