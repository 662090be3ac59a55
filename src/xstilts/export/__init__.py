"""A trained cell as a folder for the Hugging Face Hub: weights, tokenizer and a model card (`stages/export.py` writes weights).

Read in this order: `export.py` (`export_cell`), `facts.py` (what plan and store know of the cell), `front.py` (the card's YAML),
`card.py` (its text), `snippets.py` (the code in it, from `templates/`). The tests run this code and compare its answers with the
predictions that were scored.
"""
