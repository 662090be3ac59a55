"""The files of tasks: finding, unpacking, downloading, reading and checking them. All of this package is public.

Read in this order: `read.py` (what readers need), `locate.py` (which files belong to a split, and their checked examples),
`archive.py` (official archives), `hub.py` (the Hugging Face Hub), `pictures.py` (files of pictures), `download.py`, `check.py`
(what of a task is there).
"""
