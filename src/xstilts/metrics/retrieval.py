"""Top-1 retrieval accuracy (Tatoeba): the share of queries whose nearest English sentence is their translation.

`Prediction.answer` is the id of the retrieved English sentence, gold is `example.answer`. Which side is the query and
which the database is the embedding stage's protocol, not the metric's. Source: Artetxe and Schwenk 2019
(https://doi.org/10.1162/tacl_a_00288), used by XTREME (Hu et al. 2020), which reports accuracy, not error rate.
"""

from __future__ import annotations

from dataclasses import replace

from xstilts.metrics.classify import ACCURACY

RETRIEVAL = replace(ACCURACY, name="retrieval", cite="artetxe2019massively")
