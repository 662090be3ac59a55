"""Formats: the input and output shapes that a task can have, one torch-free file each. Everything that differs between tasks
differs by format, never by task. `format.py` says what a format states; `registry.py` lists all of them. The other half of each
(token ids, loss, decoding) is its codec in `model/codecs/`."""
