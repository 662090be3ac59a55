"""The report as one self-contained HTML page: nothing is loaded from elsewhere, and without its script it still works.

The template escapes everything that comes from a study; only drawings made in `figures` and the page's own style and
script enter as markup.
"""

from __future__ import annotations

from importlib import resources
from urllib.parse import urlsplit

import jinja2
from markupsafe import Markup

from xstilts.report import content, cost_tables, figures, prose
from xstilts.report.analysis import Analysis
from xstilts.report.content import Table
from xstilts.report.figures import HeatMap, LayerChart
from xstilts.report.gains import Gain
from xstilts.report.results import CONTROL_WORDS, LEAK
from xstilts.report.scores import ENGLISH
from xstilts.report.suites import suite_tables

SMALLEST_SPAN = 0.05


def _package_text(name: str) -> Markup:
    return Markup((resources.files("xstilts.report") / "templates" / name).read_text(encoding="utf-8"))


def span(gain: Gain) -> float:
    """The half-width of the forest plot of a pair: its largest bound, rounded up to a multiple of five points."""
    bounds = [abs(bound) for row in gain.languages for bound in (row.interval.low, row.interval.high)]
    return max(SMALLEST_SPAN, -(-max(bounds, default=0.0) // SMALLEST_SPAN) * SMALLEST_SPAN)


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
            not g.control and not g.degenerate and not g.leak,
            rank.get(g.verdict, 0),
            g.interval.estimate if g.interval is not None else -1.0,
        ),
        default=None,
    )


def layer_table(chart: LayerChart) -> Table:
    reported = f"layer {chart.layer}, {chart.setting}" if chart.layer is not None else chart.setting
    turned = "not centred" if chart.setting.endswith("centred") else "centred"
    columns = ("chain", reported, f"the same, {turned}", "best of all")
    caption = "At the reported setting and at the best one, which is chosen on these very scores and so flatters."
    return content.plain(caption, columns, chart.table, range(1, 3))


def render_html(analysis: Analysis) -> str:
    """The whole page as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("xstilts.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "points": prose.points,
        "score": prose.score,
        "host": lambda url: urlsplit(url).netloc or url,
    }
    pairs: dict[str, list[Gain]] = {}
    for gain in analysis.against_none():
        pairs.setdefault(gain.encoder, []).append(gain)
    controlled = (*analysis.against_placebo(), *analysis.against_compute())

    def shown(heat: HeatMap) -> list[Gain]:
        return pairs[heat.encoder]

    def over_controls(gain: Gain) -> list[Gain]:
        place = (gain.encoder, gain.chain, gain.target)
        return [other for other in controlled if (other.encoder, other.chain, other.target) == place]

    dots = figures.dot_plots(analysis)
    return environment.get_template("report.html.j2").render(
        a=analysis,
        r=analysis.results,
        style=_package_text("style.css"),
        script=_package_text("page.js"),
        maps=figures.heat_maps(analysis),
        shown=shown,
        opened=lambda heat: opened(pairs[heat.encoder]),
        over_controls=over_controls,
        control_words=CONTROL_WORDS,
        leak=LEAK,
        leak_words=content.leak_words,
        link_of=lambda gain: figures.link_of(analysis, gain),
        gain_sentence=content.gain_sentence,
        bracket=prose.bracket,
        forest=figures.forest,
        span=span,
        whole=lambda value: f"{100 * value:.0f}",
        means=means,
        language=analysis.language,
        controls=content.control_tables(analysis),
        scores_tables=content.scores_tables(analysis),
        dots=dots,
        legend=dict.fromkeys(entry for plot in dots for entry in plot.legend),
        layers=figures.layer_charts(analysis),
        layer_table=layer_table,
        suites=suite_tables(analysis),
        method=content.method_lines(analysis),
        chains=content.chains_table(analysis),
        recipes=content.recipes_table(analysis),
        data=content.data_table(analysis),
        cost=cost_tables.cost_table(analysis),
        phases=cost_tables.phases_table(analysis),
        slowest=cost_tables.slowest_table(analysis),
        failed=cost_tables.failed_table(analysis),
        saved=cost_tables.saved_sentence(analysis),
        missing=cost_tables.missing_lines(analysis),
    )
