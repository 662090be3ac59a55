"""What the verbs print: tables and live views for the terminal, and the status page of `xstilts status --serve`.

`catalogue_page` writes docs/tasks.md. Each other file belongs to the verbs of its name.
"""
