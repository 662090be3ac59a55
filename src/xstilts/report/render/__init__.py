"""The renderings of a report, one file a format: HTML, PDF, Markdown, LaTeX, CSV, terminal."""
