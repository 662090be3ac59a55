"""A review of documents: from a research question to papers, claims, and verdicts that can be checked.

Read in this order: `question` (the record that a person writes), `run` (question -> review), `reviewers` (which judges are
asked, and their answers kept), `overrides` (what a person decided), `joined` (documents beside runs), `agreement`, `page` and
`document` (the report). What is read in papers and how a claim is verified is in `xstilts.documents`.

Public are the names below.
"""

from xstilts.review.question import Question, built_in_questions, load_question
from xstilts.review.run import Review, run_review

__all__ = ["Question", "Review", "built_in_questions", "load_question", "run_review"]
