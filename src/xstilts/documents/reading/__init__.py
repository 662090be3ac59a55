"""Readers of papers: one module for each format, each with one function `read_FORMAT(path) -> Reading`."""
