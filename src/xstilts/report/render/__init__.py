"""The renderings of a report, one module for each format: HTML, PDF, Markdown, LaTeX, CSV and Parquet, terminal.

HTML, PDF and Markdown set the same `Document`. LaTeX, CSV and the terminal are made from `Findings`.
"""
