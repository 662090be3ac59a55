"""Tasks that users declare: in YAML, in Python, or as a folder of plain text.

Read in this order: `declaration.py` (what YAML may say), `user_tasks.py` (a declaration becomes a `Task`), `tables.py` and
`plain_text.py` (readers of the users' files), `folder.py` and `corpus.py` (folders of text). Public: `register`,
`resolve_tasks`, `preview` (`user_tasks.py`), `declare_corpus`.
"""
