"""Papers for tests, made of sentences."""

from xstilts.documents.paper import Paper, Section


def make_paper(
    *sentences: str, work: str = "arxiv:2001.00001", version: str = "v1", title: str = "", language: str = "en"
) -> Paper:
    """A paper of one section with these sentences."""
    return Paper(work, version, title, "test", "full text", (Section("Results", " ".join(sentences)),), language=language)


FILLER = (
    "The harbour closes early in winter.",
    "Several boats are painted green.",
    "A committee met on Tuesday to discuss the new roof.",
    "Nobody could find the second key.",
)
