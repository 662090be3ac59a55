"""Cells of CSV that a spreadsheet shows and does not run."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def guard_cell(value: object) -> object:
    """The value; text that a spreadsheet would take for a formula gets a ' before it. A number stays one, with its sign."""
    if not isinstance(value, str) or len(value) < 2 or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
