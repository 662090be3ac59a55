"""The figures of a report. Each is drawn once, as SVG, for the page and for print.

`drawing.py` has the records: marks, drawings, rows and panels. `looks.py`
has the colours of chains. One module for each figure builds them from `Findings`:
`forest.py`, `dots.py`, `bars.py`, `layers.py`, `scale.py`. `svg.py` draws them. `heat_map.py` is a table with coloured cells.
"""
