"""The report: from findings to a document, and from the document to each rendering. No torch."""
