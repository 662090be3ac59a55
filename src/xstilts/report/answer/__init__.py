"""The answer of a study in one sentence, and what qualifies it.

`answer.py` writes the answer from gains over no chain, `comparisons.py` from the study's own comparisons; `controls.py` says what
the controls leave of the gains. `limitations.py` lists what the study cannot show, `quality.py` how strong its evidence is.
`wording.py` has the words that they share. Everything follows from the numbers by fixed rules.
"""
