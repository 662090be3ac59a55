"""The study: a question and the grid of experiments that answers it.

`record` holds the record and its checks, `comparison` the comparisons and pairs that a question may name, `read` finds and
reads the YAML files of studies, and `builtin/` has the studies that come with the package. What other packages use is named here.
"""

from xstilts.study.comparison import ChainComparison, PrimaryPair, is_primary
from xstilts.study.read import built_in_studies, change_field, find_study
from xstilts.study.record import NO_CHAIN, SCRATCH, WORLD, Chain, Control, Layer, Retrieval, Study, Target, load_study, make_study

__all__ = [
    "NO_CHAIN",
    "SCRATCH",
    "WORLD",
    "Chain",
    "ChainComparison",
    "Control",
    "Layer",
    "PrimaryPair",
    "Retrieval",
    "Study",
    "Target",
    "built_in_studies",
    "change_field",
    "find_study",
    "is_primary",
    "load_study",
    "make_study",
]
