"""Drawings as SVG: `draw_inline` for the page, `draw_standalone` for print.

Both write the same marks with the same classes. On the page, colours are CSS variables that follow the reader's light or dark
mode. Print readers such as Typst know no variables, so there the style is inside the SVG and the colours are written out.
"""

import re
from functools import cache
from importlib import resources

from markupsafe import Markup

from xstilts.report.figures.drawing import Arrow, Bar, Dot, Drawing, Mark, Stroke

HEADS = {"right": "M-5,-3.5L0,0L-5,3.5", "left": "M5,-3.5L0,0L5,3.5", "up": "M-3.5,5L0,0L3.5,5", "down": "M-3.5,-5L0,0L3.5,-5"}
PRINT_FONT = '"Libertinus Serif"'


def read_template(name: str) -> str:
    return (resources.files("xstilts.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def read_palette() -> dict[str, str]:
    """The colours of the light mode on white paper, by the names of the page's CSS variables."""
    light = read_template("style.css").partition("{")[2].partition("}")[0]
    return dict(re.findall(r"--([\w-]+): ([^;]+);", light)) | {"paper": "#ffffff", "sans": PRINT_FONT}


@cache
def _print_style() -> str:
    palette = read_palette()
    return re.sub(r"var\(--([\w-]+)\)", lambda name: palette[name[1]], read_template("figures.css"))


def draw_inline(drawing: Drawing) -> Markup:
    """As wide as its place on the page."""
    role = Markup('role="img" aria-label="{}"').format(drawing.label) if drawing.label else Markup('aria-hidden="true"')
    return Markup('<svg class="drawing" width="100%" height="{}" {}>{}</svg>').format(drawing.height, role, _marks(drawing))


def draw_standalone(drawing: Drawing, width: float, height: float = 0) -> str:
    """A whole SVG file, `width` px wide. `height`: in px; 0 takes that of the drawing."""
    frame = Markup('<svg xmlns="http://www.w3.org/2000/svg" class="drawing" width="{0}" height="{1}" viewBox="0 0 {0} {1}">')
    return f"{frame.format(width, height or drawing.height)}<style>{_print_style()}</style>{_marks(drawing)}</svg>"


def _marks(drawing: Drawing) -> Markup:
    return Markup("").join(map(_mark, drawing.marks))


def _mark(mark: Mark) -> Markup:
    if isinstance(mark, Stroke):
        line = '<line class="{}" x1="{:.2f}%" y1="{:.2f}%" x2="{:.2f}%" y2="{:.2f}%">{}</line>'
        return Markup(line).format(mark.look, mark.x1, mark.y1, mark.x2, mark.y2, _title(mark.label))
    if isinstance(mark, Dot):
        number = Markup(' data-n="{}"').format(mark.id) if mark.id else ""
        circle = '<circle class="{}" cx="{:.2f}%" cy="{:.2f}%" r="{}"{}>{}</circle>'
        return Markup(circle).format(mark.look, mark.x, mark.y, mark.radius, number, _title(mark.label))
    if isinstance(mark, Bar):
        rectangle = '<rect class="{}" x="{:.2f}%" width="{:.2f}%" height="100%"/>'
        return Markup(rectangle).format(mark.look, mark.x, mark.width)
    if isinstance(mark, Arrow):
        head = '<svg class="{}" x="{:.2f}%" y="{:.2f}%" overflow="visible"><path d="{}"/></svg>'
        return Markup(head).format(mark.look, mark.x, mark.y, HEADS[mark.to])
    text = '<text x="{:.2f}%" y="{:.2f}%" dy=".35em" text-anchor="{}">{}</text>'
    return Markup(text).format(mark.x, mark.y, mark.anchor, mark.text)


def _title(label: str) -> Markup:
    return Markup("<title>{}</title>").format(label) if label else Markup("")
