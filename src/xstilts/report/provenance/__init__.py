"""Where a number of a report comes from.

`numbers.py` gives every number an id, `origins.py` says how each number was made and from which score artefacts, and `explain.py`
follows these back to all stages behind them (`xstilts explain`).
"""
