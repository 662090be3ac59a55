"""Tasks that users declare: YAML, Python or a folder of text, and the readers of their files."""
