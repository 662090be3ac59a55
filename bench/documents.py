"""How good are the verdicts on claims? WiCE (claims of Wikipedia against the pages that they cite; Kamoi et al. 2023).

    python -m bench.documents wice FOLDER            word overlap, BM25 and the words reviewer, with intervals
    python -m bench.documents wice FOLDER --nli STUDY:CELL --store DIR     with an NLI checkpoint beside them
    python -m bench.documents fit FOLDER             refit the calibration that comes with the package, on the dev claims

FOLDER has claim-{dev,test}.jsonl.gz and oracle-claim-{dev,test}.jsonl.gz. Everything is fitted on dev: weights, calibration,
threshold. "supported" is one class, "partially supported" and "not supported" the other, as in the paper. Intervals are 95 %
percentile intervals of a bootstrap over claims.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import cross_val_predict

from xstilts.documents.claim import read_claim
from xstilts.documents.libraries import need
from xstilts.documents.paper import Paper, Section
from xstilts.documents.reviewers import NliReviewer, WordsReviewer, fit_calibration, measure_features
from xstilts.documents.sentences import list_sentences
from xstilts.documents.verify import Case, make_case
from xstilts.documents.words import Weights, list_words

PACKAGE = Path(__file__).parent.parent / "src/xstilts/documents/calibration.json"
RESAMPLES = 2000
Cases = tuple[list[Case], NDArray[np.bool_]]


def read_cases(folder: Path, name: str) -> Cases:
    """The cases of a file and whether each claim is supported. Of an oracle file, which has several chunks of evidence for a
    claim, the first chunk of each claim."""
    with gzip.open(folder / f"{name}.jsonl.gz") as file:
        rows = [json.loads(line) for line in file]
    rows = list({row["meta"]["id"]: row for row in reversed(rows)}.values())[::-1]
    papers = [Paper(row["meta"]["id"], "", "", "", "full text", (Section("", "\n\n".join(row["evidence"])),)) for row in rows]
    weights = Weights(list_words(sentence.text) for paper in papers for sentence in list_sentences(paper))
    cases = [make_case(read_claim(p.work, row["claim"]), p, weights) for p, row in zip(papers, rows, strict=True)]
    return cases, np.array([row["label"] == "supported" for row in rows])


def score_bm25(cases: Sequence[Case]) -> list[float]:
    """Of each case the best BM25 score of its passages, among its passages."""
    found = []
    for case in cases:
        index = need("bm25s").BM25()
        index.index([list(list_words(one.text)) or ["-"] for one in case.passages], show_progress=False)
        known = {word for one in case.passages for word in list_words(one.text)}
        words = [word for word in case.claim.words if word in known]
        found.append(float(np.max(index.get_scores(words))) if words else 0.0)
    return found


def report(name: str, dev: Sequence[float], test: Sequence[float], y_dev: NDArray[np.bool_], y_test: NDArray[np.bool_]) -> None:
    """A row: AUC and balanced accuracy on test, the threshold from dev."""
    x, z = np.asarray(dev), np.asarray(test)
    steps = np.unique(x)
    threshold = steps[int(np.argmax([balanced_accuracy_score(y_dev, x >= step) for step in steps]))]
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(z), len(z)) for _ in range(RESAMPLES)]
    auc = [roc_auc_score(y_test[d], z[d]) for d in draws if 0 < y_test[d].sum() < len(d)]
    balanced = [balanced_accuracy_score(y_test[d], z[d] >= threshold) for d in draws]
    print(
        f"{name:34} AUC {_interval(roc_auc_score(y_test, z), auc)}   "
        f"balanced accuracy {_interval(balanced_accuracy_score(y_test, z >= threshold), balanced)}"
    )


def _interval(value: float, draws: Sequence[float]) -> str:
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def features(cases: Sequence[Case]) -> NDArray[np.float64]:
    return np.array([measure_features(case) for case in cases])


def run_wice(folder: Path, nli: NliReviewer | None) -> None:
    for title, prefix in (("whole article", "claim"), ("oracle chunks", "oracle-claim")):
        (dev, y_dev), (test, y_test) = (read_cases(folder, f"{prefix}-{split}") for split in ("dev", "test"))
        print(f"\n{title}: {len(dev)} dev and {len(test)} test claims, {y_test.mean():.0%} of the test claims supported")
        report("word overlap (best passage)", [c.best for c in dev], [c.best for c in test], y_dev, y_test)
        report("word overlap (all)", [c.covered for c in dev], [c.covered for c in test], y_dev, y_test)
        report("BM25", score_bm25(dev), score_bm25(test), y_dev, y_test)
        words = WordsReviewer()
        report("words and numbers, as shipped", *([words.score(c) for c in some] for some in (dev, test)), y_dev, y_test)
        if nli is not None:
            votes = [nli.review(some) for some in (dev, test)]
            scores = [[vote.score for vote in some] for some in votes]
            report(nli.name, *scores, y_dev, y_test)
            joined = [
                np.column_stack([features(some), score, [vote.against for vote in given]])
                for some, score, given in zip((dev, test), scores, votes, strict=True)
            ]
            model = LogisticRegression(C=10).fit(joined[0], y_dev)
            report("words, numbers and NLI", *(model.predict_proba(x)[:, 1] for x in joined), y_dev, y_test)


def fit(folder: Path) -> None:
    """Weights of a logistic regression on the dev claims; its calibration on predictions of a ten-fold cross-validation, so that
    no claim is calibrated by a model that has seen it."""
    cases, y_N = read_cases(folder, "claim-dev")
    x_NF = features(cases)
    model = LogisticRegression(C=10)
    held_out = cross_val_predict(model, x_NF, y_N, cv=10, method="predict_proba")[:, 1]
    model.fit(x_NF, y_N)
    steps = fit_calibration(held_out.tolist(), y_N.tolist(), f"the {len(y_N)} dev claims of WiCE")
    found: dict[str, Any] = {
        "features": ["best passage", "whole paper", "numbers", "digits"],
        "weights": np.round(model.coef_[0], 4).tolist(),
        "bias": round(float(model.intercept_[0]), 4),
        "scores": np.round(steps.scores, 4).tolist(),
        "chances": np.round(steps.chances, 4).tolist(),
        "fitted_on": steps.fitted_on,
    }
    PACKAGE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(PACKAGE.read_text(encoding="utf-8"))


def load_nli(cell: str, store: str) -> NliReviewer:
    """The NLI model of a cell, STUDY:CELL."""
    from xstilts.cli.app import load_plan
    from xstilts.plan.cell import find_cell
    from xstilts.stages.judge import CellJudge
    from xstilts.store.store import Store

    study, _, name = cell.rpartition(":")
    planned = find_cell(load_plan(study, [], draft=True).cells, name)
    return NliReviewer(name, CellJudge(Store(store), planned.answered).weigh)


def main(arguments: Sequence[str]) -> None:
    verb, folder, *rest = arguments
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    if verb == "fit":
        fit(Path(folder))
    else:
        nli = options.get("--nli")
        run_wice(Path(folder), load_nli(nli, options.get("--store", "xstilts-store")) if nli else None)


if __name__ == "__main__":
    main(sys.argv[1:])
