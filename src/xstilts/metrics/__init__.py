"""Metrics and statistics. A metric tallies each example, so that scores, intervals and tests need no new predictions.

Read in this order: `metric.py` (what a metric is) and `classify.py` (accuracy); the other metrics `tag.py`, `squad.py`,
`mlqa.py`, `retrieval.py`, `ranking.py`, `mining.py`; then the statistics `bootstrap.py`, `variance_components.py`, `paired.py`
and `significance.py` (intervals). Beside them: `multiplicity.py` (many tests), `effects.py` (equivalence, tests over
seeds), `checkpoints.py` (tests of two checkpoints), `rank_probability.py`, `power.py`. Public: the `Metric` records in capitals,
`significance.py`, `multiplicity.py`, `power.py`.
"""
