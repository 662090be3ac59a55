"""The figures of a report. `drawing.py` has the records, one module for each figure builds them, `svg.py` draws them."""
