"""One drawing, two wrappers: the same marks on the page and in print, and colours that each of them can resolve."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from xstilts.report.figures.drawing import Bar, Dot, Drawing, Stroke, TextMark
from xstilts.report.figures.svg import draw_inline, draw_standalone, read_palette, read_template

DRAWING = Drawing(
    (
        Stroke(0, 50, 100, 50, "k1 placebo", "squad & <co>"),
        Dot(25, 50, "k2 hollow", "+1.0", id="gain/a"),
        Bar(0, 30, "saved"),
        TextMark(50, 90, "tick <1>"),
    ),
    20,
    'a "label"',
)


def marks(svg: str) -> list[tuple[str, dict[str, str], str]]:
    """Tag, attributes and text of every mark."""
    root = ET.fromstring(svg)
    found = [(one.tag.rpartition("}")[2], dict(one.attrib), "".join(one.itertext())) for one in root]
    return [one for one in found if one[0] != "style"]


def test_page_and_print_have_the_same_marks() -> None:
    page, paper = draw_inline(DRAWING), draw_standalone(DRAWING, 400)
    assert marks(page) == marks(paper)
    assert [tag for tag, _, _ in marks(page)] == ["line", "circle", "rect", "text"]
    assert marks(page)[0][2] == "squad & <co>"


def test_print_needs_no_variable_and_the_page_no_size() -> None:
    page, paper = draw_inline(DRAWING), draw_standalone(DRAWING, 400)
    assert 'viewBox="0 0 400 20"' in paper
    assert "var(" not in paper
    assert "#0072b2" in paper
    assert 'width="100%"' in page
    assert "style" not in page


def test_every_colour_of_the_figures_is_in_the_palette_of_both_modes() -> None:
    used = set(re.findall(r"var\(--([\w-]+)\)", read_template("figures.css")))
    assert used <= set(read_palette())
    dark = read_template("style.css").partition("prefers-color-scheme: dark")[2].partition("}\n}")[0]
    assert used - {"sans"} <= set(re.findall(r"--([\w-]+):", dark))


def test_a_drawing_without_a_label_is_decoration() -> None:
    assert 'aria-hidden="true"' in draw_inline(Drawing((), 10))
