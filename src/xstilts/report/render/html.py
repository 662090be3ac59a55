"""The report as one self-contained HTML page: nothing is loaded from elsewhere, and without its script it still works.

The template escapes everything that comes from a study; only drawings made in `draw` and the page's own style and script enter
as markup. A number carries its id (`data-n`); a click on it shows how it was made and of which artefacts.
"""

from __future__ import annotations

import html
import json
import re
from importlib import resources
from urllib.parse import urlsplit

import jinja2
from markupsafe import Markup, escape

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import CONTROL_WORDS
from xstilts.analysis.scores import ENGLISH
from xstilts.report.document import Document, build_document
from xstilts.report.figures import figures, svg
from xstilts.report.figures.figures import HeatMap
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import gain_id
from xstilts.report.provenance.origins import origins
from xstilts.report.tables import content

LONG_NAME = 14
ORIGINS = "<!-- origins -->"


def _package_text(name: str) -> Markup:
    return Markup((resources.files("xstilts.report") / "templates" / name).read_text(encoding="utf-8"))


def breakable(text: str) -> Markup:
    """Long names may be broken after a slash, a plus and the like; copied, they are whole."""
    return Markup("<wbr>").join(re.split(r"(?<=[/_+&@=~])", text)) if len(text) > LONG_NAME else escape(text)


def span(gain: Gain) -> float:
    """The half-width of the forest plot of a pair, rounded up to a multiple of five points."""
    intervals = [row.interval for row in gain.languages] + ([gain.interval] if gain.interval else [])
    return figures.forest_scale([i.estimate for i in intervals], [bound for i in intervals for bound in (i.low, i.high)])


def means(gain: Gain) -> tuple[float | None, float | None]:
    """Both sides' scores, mean over the languages other than English."""
    rows = [row for row in gain.languages if row.language != ENGLISH]
    if not rows:
        return None, None
    return sum(row.treatment for row in rows) / len(rows), sum(row.control for row in rows) / len(rows)


def opened(gains: list[Gain]) -> Gain | None:
    """The pair shown first: the largest clear gain, else the largest estimate that is evidence."""
    rank = {"gain": 2, "loss": 1, "unclear": 1}
    return max(
        gains,
        key=lambda g: (
            not g.control and not g.reuses_target_data and not g.leak,
            rank.get(g.verdict, 0),
            g.interval.estimate if g.interval is not None else -1.0,
        ),
        default=None,
    )


def render_html(findings: Findings, document: Document | None = None) -> str:
    """The whole page as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("xstilts.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "points": fmt.points,
        "score": fmt.score,
        "host": lambda url: urlsplit(url).netloc or url,
    }
    environment.filters["breakable"] = breakable
    pairs: dict[str, list[Gain]] = {}
    for gain in findings.against_none():
        pairs.setdefault(gain.encoder, []).append(gain)
    controlled = (*findings.against_placebo(), *findings.against_compute())

    def shown(heat: HeatMap) -> list[Gain]:
        return pairs[heat.encoder]

    def over_controls(gain: Gain) -> list[Gain]:
        place = (gain.encoder, gain.chain, gain.target)
        return [other for other in controlled if (other.encoder, other.chain, other.target) == place]

    text = environment.get_template("report.html.j2").render(
        a=findings,
        r=findings.results,
        paper=document or build_document(findings),
        style=_package_text("style.css"),
        script=_package_text("page.js"),
        origins=Markup(ORIGINS),
        shown=shown,
        opened=lambda heat: opened(pairs[heat.encoder]),
        over_controls=over_controls,
        control_words=CONTROL_WORDS,
        link_of=lambda gain: figures.link_of(findings, gain),
        gain_id=gain_id,
        gain_sentence=content.gain_sentence,
        bracket=fmt.bracket,
        draw=svg,
        whisker=figures.whisker,
        span=span,
        whole=lambda value: f"{100 * value:.0f}",
        means=means,
        language=findings.language,
        several=len(findings.results.encoders) > 1,
    )
    return text.replace(ORIGINS, _origins(findings, text))


def _origins(findings: Findings, page: str) -> str:
    """What is behind each number that the page shows, for the page's script."""
    shown = {html.unescape(id) for id in re.findall(r'data-n="([^"]*)"', page)}
    found = {id: [origin.how, [key[:12] for key in origin.keys]] for id, origin in origins(findings).items() if id in shown}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
