"""Codecs: how the examples of each format become token ids, a loss and predictions. `codec.py` is the base, `registry.py` lists
all of them, and each format has a file."""
