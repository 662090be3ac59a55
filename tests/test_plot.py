"""The figures of notebooks say what their table says."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from xstilts import plot


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    usual = {"study": "s", "encoder": "e", "over": "none", "target": "xnli", "language": "mean", "low": -0.01, "high": 0.03}
    return pd.DataFrame([{**usual, **row} for row in rows])


GAINS = table(
    {"chain": "squad", "gain": 0.01, "verdict": "unclear"},
    {"chain": "snli", "gain": 0.05, "low": 0.04, "high": 0.06, "verdict": "gain"},
    {"chain": "squad", "target": "udpos", "gain": -0.05, "low": -0.06, "high": -0.04, "verdict": "loss"},
)


def labels(axis: Any) -> list[str]:
    return [text.get_text() for text in axis.get_ticklabels()]


def test_a_forest_has_a_row_for_each_gain_in_points() -> None:
    figure = plot.gains(GAINS)
    (ax,) = figure.axes
    assert labels(ax.yaxis) == ["snli \u2192 xnli", "squad \u2192 xnli", "squad \u2192 udpos"]
    lines = {tuple(round(float(x), 6) for x in line.get_xdata()) for line in ax.lines}
    assert {(4.0, 6.0), (5.0,), (-1.0, 3.0), (1.0,), (-6.0, -4.0), (-5.0,)} <= lines
    filled = {float(line.get_xdata()[0]): line.get_markerfacecolor() for line in ax.lines if len(line.get_xdata()) == 1}
    assert [filled[x] for x in (5.0, 1.0, -5.0)] == [plot.GAIN, "white", plot.LOSS]
    assert "over no chain" in ax.get_xlabel()


def test_a_heat_map_has_a_column_for_each_language() -> None:
    found = table(
        {"chain": "squad", "language": "sw", "gain": 0.02},
        {"chain": "squad", "language": "en", "gain": -0.015, "low": -0.02, "high": -0.01},
        {"chain": "snli", "language": "sw", "gain": 0.0},
    )
    (ax,) = plot.languages(found).axes
    assert labels(ax.xaxis) == ["en", "sw"]
    assert labels(ax.yaxis) == ["squad \u2192 xnli", "snli \u2192 xnli"]
    said = {(text.get_position(), text.get_text(), text.get_weight()) for text in ax.texts}
    assert said == {((1, 0), "+2.0", "normal"), ((0, 0), "\u22121.5", "bold"), ((1, 1), "+0.0", "normal")}


def test_what_differs_is_in_the_labels() -> None:
    several = table(
        {"chain": "a", "gain": 0.1}, {"chain": "a", "gain": 0.2, "encoder": "f"}, {"chain": "a", "gain": 0.3, "over": "b"}
    )
    found = labels(plot.gains(several).axes[0].yaxis)
    assert found == ["a over b \u2192 xnli, e", "a over none \u2192 xnli, f", "a over none \u2192 xnli, e"]


def test_figures_are_matplotlib_and_show_themselves() -> None:
    figure = plot.gains(GAINS)
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    own = Figure().subplots()
    assert plot.gains(GAINS, ax=own) is own.figure


def test_other_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="no column low"):
        plot.gains(GAINS.drop(columns="low"))
    with pytest.raises(ValueError, match="no rows"):
        plot.gains(GAINS.head(0))
    with pytest.raises(ValueError, match="two rows"):
        plot.languages(pd.concat([GAINS, GAINS]))


CURVES = pd.DataFrame(
    [
        {"encoder": "e", "chain": c, "target": "pawsx", "attack": "keyboard", "varied": "budget", "unit": "share of words"}
        | {"language": code, "strength": x, "score": s - 0.01 * (code == "de"), "area": 0.6}
        for code in ("mean", "de")
        for c, scores in (("none", (0.8, 0.6)), ("nli", (0.85, 0.7)))
        for x, s in zip((0.0, 0.2), scores, strict=True)
    ]
)


def test_curves_have_a_line_for_each_chain() -> None:
    (ax,) = plot.budget_curves(CURVES).axes
    lines = {line.get_label(): (list(line.get_xdata()), [round(float(y), 6) for y in line.get_ydata()]) for line in ax.lines}
    assert lines == {"none (area 60.0)": ([0.0, 0.2], [80, 60]), "nli (area 60.0)": ([0.0, 0.2], [85, 70])}
    german = plot.budget_curves(CURVES[CURVES["language"] == "de"]).axes[0]
    assert float(german.lines[0].get_ydata()[0]) == pytest.approx(79)
    with pytest.raises(ValueError, match="no column area"):
        plot.budget_curves(CURVES.drop(columns="area"))
    with pytest.raises(ValueError, match=r"several values of target \(pawsx, xnli\)"):
        plot.budget_curves(pd.concat([CURVES, CURVES.assign(target="xnli")]))
    with pytest.raises(ValueError, match="no rows"):
        plot.budget_curves(CURVES.head(0))


def test_a_matrix_of_languages_keeps_rows_and_columns_apart() -> None:
    rows = [
        {"first": a, "second": b, "score": s, "n": 9}
        for a, b, s in (("de", "de", 0.9), ("de", "zh", 0.4), ("zh", "de", 0.6), ("zh", "zh", 0.8))
    ]
    (ax,) = plot.language_pairs(pd.DataFrame(rows)).axes
    assert labels(ax.xaxis) == labels(ax.yaxis) == ["de", "zh"]
    written = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in ax.texts}
    assert written == {(0, 0): "90", (0, 1): "40", (1, 0): "60", (1, 1): "80"}
    assert ax.get_title() == "one language 85.0, two 50.0\n(A, B) and (B, A) differ by 20.0"
    with pytest.raises(ValueError, match="no column n, second"):
        plot.language_pairs(pd.DataFrame({"first": ["de"], "score": [1.0]}))
