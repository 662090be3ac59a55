"""The report of a study: from findings to a document, and from the document to files. No torch.

Read in this order: `findings.py` (`compute_findings`: everything a report shows, from the results of a study), `answer/` (the
answer in sentences), `tables/` and `figures/` (plain records), `document.py` (`build_document`: sections of text, tables and
figures), `render/` (one module for each format), `write.py` (`write_report`: all files of a report folder). `provenance/` gives
every number an id and says how it was made.

Public: `compute_findings`, `build_document`, `write_report`, `render.terminal.summarise_run`, `render.csv.score_rows`
and `provenance.explain.explain`.
"""
