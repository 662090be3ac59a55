"""Codecs: how the examples of each format become token ids, a loss and predictions. One file a format."""
