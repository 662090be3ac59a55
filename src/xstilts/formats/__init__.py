"""Formats: the input/output shapes that a task can have, one torch-free file each. Everything that differs between tasks differs
by format, never by task. The other half of each (token ids, loss, decoding) is its codec in `model/codecs/`."""
