"""Attacks: changes of an example that keep its answer, or change it in a known way, and the search of a victim with them.

Read in this order: `attack.py` (the record), `edits.py` (what an edit does to an example and its answer), `first_wave/` and
`code_mixing/` (the attacks), `variants.py` (a fixed set of variants), `search.py` (a search that asks a victim), `model_based.py`
(attacks that the victim's model makes). Public: `ATTACKS`, `find_attack`, `make_variants`, `search`.
"""
