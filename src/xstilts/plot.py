"""Figures of the tables that `gains` gives, with matplotlib (`pip install 'xstilts[plot]'`).

Each function takes a table, all of it or the rows that one wants to see, and gives a matplotlib figure: show it, change it, or
save it (`figure.savefig("gains.pdf")`). With `ax` it draws there. Gains are shown in points.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from xstilts.execution.language_pairs import PairScore, summarise_pairs

try:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as _Figure
except ImportError as error:
    raise ImportError("xstilts.plot needs matplotlib: pip install 'xstilts[plot]'") from error

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

GAIN, LOSS, UNCLEAR = "#1a6e4c", "#b3401f", "#5b6470"


class Figure(_Figure):
    """A figure that notebooks show without pyplot, whose list of open figures would keep it in memory."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, layout="constrained", **options)
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=110)
        return file.getvalue()


def gains(table: pd.DataFrame, ax: Axes | None = None) -> _Figure:
    """A forest plot: each row of the table with its 95 % interval, the targets below each other, the largest gain first.

    Filled: the verdict is a gain or a loss, after correction. Of a table by language, which has no verdicts, none is filled.
    Raises ValueError for a table that has no such rows."""
    rows = _read(table)
    targets = list(dict.fromkeys(row["target"] for row in rows))
    rows = sorted(rows, key=lambda row: (targets.index(row["target"]), -row["gain"]))
    ax = ax or Figure(figsize=(6.4, 0.9 + 0.3 * len(rows))).subplots()
    ax.axvline(0, color=UNCLEAR, linewidth=0.8)
    for place, row in enumerate(rows):
        verdict = row.get("verdict", "")
        color = {"gain": GAIN, "loss": LOSS}.get(verdict, UNCLEAR)
        ax.plot([100 * row["low"], 100 * row["high"]], [place, place], color=color, linewidth=1.4)
        filled = color if verdict in ("gain", "loss") else "white"
        ax.plot([100 * row["gain"]], [place], marker="o", markersize=6, color=color, markerfacecolor=filled)
    names = (row["label"] if row["language"] == "mean" else f"{row['label']}, {row['language']}" for row in rows)
    ax.set_yticks(range(len(rows)), list(names))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel(f"{_describe(rows)}, points, 95 % interval")
    ax.spines[["top", "right"]].set_visible(False)
    return cast(_Figure, ax.figure)


def languages(table: pd.DataFrame, ax: Axes | None = None) -> _Figure:
    """A heat map of a table by language, `gains(..., languages=True)`: a row for each chain and target, a column for each
    language, English first. Bold: the 95 % interval of that one gain excludes zero (not corrected). Raises ValueError for a
    table that has no such rows."""
    rows = _read(table)
    codes = sorted({row["language"] for row in rows}, key=lambda code: (code != "en", code))
    labels = list(dict.fromkeys(row["label"] for row in rows))
    ax = ax or Figure(figsize=(2.6 + 0.62 * len(codes), 1.0 + 0.36 * len(labels))).subplots()
    values = np.full((len(labels), len(codes)), np.nan)
    reach = 130 * max(0.01, *(abs(row["gain"]) for row in rows))
    for row in rows:
        place = labels.index(row["label"]), codes.index(row["language"])
        values[place] = 100 * row["gain"]
        text = f"{values[place]:+.1f}".replace("-", "\u2212")
        weight = "bold" if row["low"] > 0 or row["high"] < 0 else "normal"
        color = "white" if abs(values[place]) > 0.6 * reach else "black"
        ax.text(place[1], place[0], text, ha="center", va="center", weight=weight, color=color, fontsize=9)
    ax.imshow(values, cmap="PuOr", vmin=-reach, vmax=reach, aspect="auto")
    ax.set_xticks(range(len(codes)), codes)
    ax.set_yticks(range(len(labels)), labels)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel(f"{_describe(rows)}, points\nbold: the interval excludes zero")
    return cast(_Figure, ax.figure)


def budget_curves(table: pd.DataFrame, ax: Axes | None = None) -> _Figure:
    """The curves that `xstilts.budget_curves` gives, of one target, attack and encoder: score (0 to 100) by strength, a line for
    each chain, for the mean of the languages other than English if the table has it. The legend has the area under each line.

    Raises ValueError for another table, and for one of several targets, attacks or encoders."""
    if missing := {"chain", "strength", "score", "area", "language"} - set(table.columns):
        raise ValueError(f"expected the table of xstilts.budget_curves; it has no column {', '.join(sorted(missing))}")
    if table.empty:
        raise ValueError("the table has no rows, so there is nothing to draw")
    own = table[table["language"] == "mean"] if "mean" in set(table["language"]) else table
    for name in ("encoder", "target", "attack", "varied", "language"):
        if own[name].nunique() > 1:
            found = ", ".join(map(str, own[name].unique()))
            raise ValueError(f"the table has several values of {name} ({found}); draw the rows of one at a time")
    ax = ax or Figure(figsize=(5.2, 3.4)).subplots()
    for chain, points in own.groupby("chain", sort=False):
        label = f"{chain} (area {100 * points['area'].iloc[0]:.1f})"
        ax.plot(points["strength"], 100 * points["score"], marker="o", markersize=4, linewidth=1.4, label=label)
    ax.set_xlabel(own["unit"].iloc[0])
    ax.set_ylabel("score")
    ax.set_title(f"{own['target'].iloc[0]}: {own['attack'].iloc[0]}", fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8)
    return cast(_Figure, ax.get_figure())


def language_pairs(table: pd.DataFrame, ax: Axes | None = None) -> _Figure:
    """The matrix that `xstilts.language_pairs` gives: first texts in rows, second ones in columns, scores 0 to 100. The title
    has the mean of pairs of one language and of two, and how far (A, B) and (B, A) are apart on average.

    Raises ValueError for another table."""
    if missing := {"first", "second", "score", "n"} - set(table.columns):
        raise ValueError(f"expected the table of xstilts.language_pairs; it has no column {', '.join(sorted(missing))}")
    codes = list(dict.fromkeys(table["first"]))
    scores_LL = 100 * table.pivot(index="first", columns="second", values="score").loc[codes, codes].to_numpy()
    size = 1.4 + 0.45 * len(codes)
    ax = ax or Figure(figsize=(size, size)).subplots()
    ax.imshow(scores_LL, cmap="Greens", vmin=float(scores_LL.min()) - 5, vmax=float(scores_LL.max()) + 5)
    middle = (scores_LL.min() + scores_LL.max()) / 2
    for row, column in np.ndindex(scores_LL.shape):
        value = scores_LL[row, column]
        color = "white" if value > middle + 3 else "black"
        ax.text(column, row, f"{value:.0f}", ha="center", va="center", color=color, fontsize=8)
    ax.set_xticks(range(len(codes)), codes)
    ax.set_yticks(range(len(codes)), codes)
    rows = cast(list[dict[str, Any]], table[["first", "second", "score", "n"]].to_dict("records"))
    found = summarise_pairs([PairScore(**row) for row in rows])
    means = f"one language {100 * found.diagonal:.1f}, two {100 * found.mixed:.1f}"
    ax.set_title(f"{means}\n(A, B) and (B, A) differ by {100 * found.asymmetry:.1f}", fontsize=9)
    ax.set_xlabel("language of the second text")
    ax.set_ylabel("language of the first text")
    return cast(_Figure, ax.get_figure())


def _read(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows, each with a `label`. Raises ValueError if they are not those of one table of gains."""
    columns = ("study", "encoder", "chain", "over", "target", "language")
    if lacking := [name for name in (*columns, "gain", "low", "high") if name not in table.columns]:
        raise ValueError(f"the table has no column {', '.join(lacking)}; give one that xstilts.gains(...) made")
    if table.empty:
        raise ValueError("the table has no rows, so there is nothing to draw")
    if table.duplicated(list(columns)).any():
        raise ValueError("the table has two rows for one chain, target and language; draw one table of gains at a time")
    several = [name for name in ("study", "encoder") if table[name].nunique() > 1]
    alike = table["over"].nunique() == 1

    def label(row: dict[str, Any]) -> str:
        chain = row["chain"] if alike else f"{row['chain']} over {row['over']}"
        return ", ".join([f"{chain} \u2192 {row['target']}", *(row[name] for name in several)])

    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    return [{**row, "label": label(row)} for row in rows]


def _describe(rows: list[dict[str, Any]]) -> str:
    over = {row["over"] for row in rows}
    return "gain" if len(over) > 1 else f"gain over {'no chain' if over == {'none'} else over.pop()}"
