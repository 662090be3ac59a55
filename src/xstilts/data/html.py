"""How a record shows itself in a notebook."""

from collections.abc import Mapping
from html import escape


def write_html(title: str, rows: Mapping[str, object]) -> str:
    """A title and a small table; rows with nothing in them are left out."""
    cells = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in rows.items() if value != ""
    )
    return f"<div><strong>{escape(title)}</strong><table>{cells}</table></div>"
