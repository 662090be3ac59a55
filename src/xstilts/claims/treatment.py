"""Whether a chain learned its intermediate task. A treatment that did not take says nothing about the task."""

from xstilts.analysis.results import Results


def has_taken(results: Results, encoder: str, chain: str) -> bool | None:
    """Whether the chain learned its task with this encoder; None if the study does not know."""
    return None
