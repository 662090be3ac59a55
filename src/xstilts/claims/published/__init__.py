"""Numbers that papers published, as data with their source, and a study's own beside them.

Read in this order: `tables` (papers, tables, rows and cells, checked when they are read), `compare` (the cells that a study
covers, and the difference), `population` (what differs between the paper and the study). The papers are the YAML files here.
"""

from xstilts.claims.published.compare import PublishedComparison, compare_published
from xstilts.claims.published.population import describe_population
from xstilts.claims.published.tables import PublishedCell, PublishedPaper, published_cells, published_papers

__all__ = [
    "PublishedCell",
    "PublishedComparison",
    "PublishedPaper",
    "compare_published",
    "describe_population",
    "published_cells",
    "published_papers",
]
