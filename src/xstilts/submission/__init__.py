"""Submission folders of a benchmark, as XTREME publishes them: written, read, validated and scored. No torch.

Read in this order: `layout.py` (the folder and its writer), `read.py` (prediction files), `gold.py` (gold answers), then
`score.py` and `validate.py`. Public: `write_predictions`, `write_note`, `score_folder`, `validate_folder`.
"""
