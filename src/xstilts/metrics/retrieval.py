"""Top-1 retrieval accuracy (Tatoeba): the share of English sentences whose nearest foreign sentence is their translation.

The English sentences are the queries and the foreign ones the database, as in XTREME and jiant. The prediction for an example
is the id of the example with the retrieved foreign sentence. Source: Artetxe and Schwenk 2019
(https://doi.org/10.1162/tacl_a_00288), used by XTREME (Hu et al. 2020), which reports accuracy, not error rate.
"""

from dataclasses import replace

from xstilts.metrics.classify import ACCURACY

RETRIEVAL = replace(ACCURACY, name="retrieval", cite="artetxe2019massively")
