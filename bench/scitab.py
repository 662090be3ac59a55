"""How good is a table as evidence? SciTab (claims about tables of papers; Lu et al. 2023): values looked up against NLI.

    python -m bench.scitab FILE                                     what needs no model
    python -m bench.scitab FILE --nli STUDY:CELL --store DIR        with an NLI checkpoint, alone and beside the look-up

FILE is scitab.json.gz: a list of claims with table_id, table_caption, table_column_names, table_content_values, claim and label.
Tables whose id has an even SHA-256 are the development half: the rules were written with it, and everything that is fitted is
fitted on it. The other half is reported. The look-up's three verdicts are taken as they are. Every other row, and the choice
between supports and refutes alone (which has no place for "unsupported"), is a logistic regression on what the row names.
Intervals are 95 % percentile intervals of a bootstrap over tables, because claims of one table are alike.

"a negation in the claim" reads no table: many claims of SciTab were refuted by adding "not". What it reaches is no merit, so the
claims without a negation are reported by themselves.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from bench.documents import load_nli
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from xstilts.documents.claim import StatedClaim, read_claim
from xstilts.documents.grid import clean
from xstilts.documents.paper import PaperTable
from xstilts.documents.reviewers import Entail
from xstilts.documents.tables import check_table
from xstilts.documents.words import Weights, list_words

LABELS = ("supports", "refutes", "not enough info")
VERDICTS = ("supported", "contradicted", "unsupported")  # in the order of the labels
RESAMPLES = 2000
Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """A claim about a table; `label` and `verdict` are places in LABELS."""

    claim: StatedClaim
    table: PaperTable
    table_id: str
    label: int
    verdict: int

    @property
    def development(self) -> bool:
        return int(sha256(self.table_id.encode()).hexdigest(), 16) % 2 == 0

    @property
    def numeric(self) -> bool:
        return any(not one.text[0].isalpha() for one in self.claim.quantities)


def read_rows(file: Path) -> list[Row]:
    rows = []
    for one in json.loads(gzip.decompress(file.read_bytes())):
        table = PaperTable(one["table_caption"], tuple(one["table_column_names"]), tuple(map(tuple, one["table_content_values"])))
        claim = read_claim(one["id"], one["claim"])
        verdict = VERDICTS.index(check_table(claim, table).verdict)
        rows.append(Row(claim, table, one["table_id"], LABELS.index(one["label"]), verdict))
    return rows


def linearise(table: PaperTable) -> str:
    """A table as text: the caption, then row by row each head with its cell."""
    rows = (
        " ; ".join(f"{clean(name)} : {clean(cell)}" for name, cell in zip(table.columns, row, strict=False)) for row in table.rows
    )
    return " . ".join([table.caption, *rows])


def list_features(rows: Sequence[Row], entail: Entail | None) -> dict[str, Numbers]:
    """What each method knows of each claim, one row a claim."""
    texts = [linearise(row.table) for row in rows]
    weights = Weights({row.table_id: list_words(text) for row, text in zip(rows, texts, strict=True)}.values())
    overlap = [[weights.measure_coverage(row.claim.words, set(list_words(text)))] for row, text in zip(rows, texts, strict=True)]
    found = np.eye(3)[[row.verdict for row in rows]]
    features = {
        "the majority class": np.zeros((len(rows), 1)),
        "a negation in the claim": np.array([[float(row.claim.polarity.denied)] for row in rows]),
        "word overlap with the table": np.array(overlap),
        "the look-up": found,
    }
    if entail is not None:
        nli = np.array(entail([(text, row.claim.text) for row, text in zip(rows, texts, strict=True)]))
        features |= {"NLI alone": nli, "the look-up and NLI": np.column_stack([found, nli])}
    return features


def report(rows: Sequence[Row], entail: Entail | None = None) -> None:
    """Prints a table for all test claims, for those with numbers and for those without a negation."""
    dev = np.array([row.development for row in rows])
    gold = np.array([row.label for row in rows])
    tables = np.unique([row.table_id for row in rows], return_inverse=True)[1]
    predictions: dict[str, tuple[Places, Places]] = {}
    for name, x in list_features(rows, entail).items():
        model = LogisticRegression(C=10, max_iter=1000).fit(x[dev], gold[dev])
        chances = model.predict_proba(x)
        three = np.array([row.verdict for row in rows]) if name == "the look-up" else chances.argmax(1)
        predictions[name] = three, chances[:, :2].argmax(1)
    print(f"{dev.sum()} claims of the development half, {(~dev).sum()} of the test half")
    subsets: dict[str, Callable[[Row], bool]] = {
        "all claims": lambda row: True,
        "claims with numbers": lambda row: row.numeric,
        "claims without a negation": lambda row: not row.claim.polarity.denied,
        "claims with numbers and without a negation": lambda row: row.numeric and not row.claim.polarity.denied,
    }
    for title, belongs in subsets.items():
        chosen = ~dev & np.array([belongs(row) for row in rows])
        counts = ", ".join(f"{(gold[chosen] == place).sum()} {label}" for place, label in enumerate(LABELS))
        print(f"\n{title}: n = {chosen.sum()} ({counts}) about {len(np.unique(tables[chosen]))} tables")
        print(f"{'':28} {'accuracy':>18} {'macro-F1':>18} {'supports | refutes':>20}")
        measured = {
            name: measure(gold[chosen], three[chosen], two[chosen], tables[chosen]) for name, (three, two) in predictions.items()
        }
        for name, scores_D3 in measured.items():
            print(f"{name:28} {say(scores_D3)}")
        for name, other in (("the look-up", "NLI alone"), ("the look-up and NLI", "NLI alone")):
            if other in measured:  # the same draws, so that the difference is paired
                print(f"{'less NLI: ' + name:28} {say(measured[name] - measured[other])}")
    decidable = ~dev & (gold < 2)
    decided = decidable & (predictions["the look-up"][0] < 2)
    right = (gold == predictions["the look-up"][0])[decided].mean()
    print(
        f"\n{decidable.sum()} of these are supported or refuted; the look-up decides {decided.sum()}, {right:.1%} of them right."
    )


def say(scores_D3: Numbers) -> str:
    """The value, which is the first draw, with its interval; three times."""
    low_3, high_3 = 100 * np.percentile(scores_D3[1:], [2.5, 97.5], axis=0)
    return " ".join(f"{v:6.1f} [{a:.1f}, {b:.1f}]" for v, a, b in zip(100 * scores_D3[0], low_3, high_3, strict=True))


def measure(gold: Places, three: Places, two: Places, tables: Places) -> Numbers:
    """Accuracy and macro-F1 over three classes, and balanced accuracy of supports against refutes, 0-1: of the claims as they
    are, then of each draw of tables."""
    groups, place = np.unique(tables, return_inverse=True)
    counts_G33, counts_G22 = np.zeros((len(groups), 3, 3)), np.zeros((len(groups), 2, 2))
    np.add.at(counts_G33, (place, gold, three), 1)
    decided = gold < 2
    np.add.at(counts_G22, (place[decided], gold[decided], two[decided]), 1)

    def score(times_G: Numbers) -> tuple[float, float, float]:
        """With each table counted so many times."""
        y_33, y_22 = np.tensordot(times_G, counts_G33, 1), np.tensordot(times_G, counts_G22, 1)
        f1 = 2 * y_33.diagonal() / np.maximum(y_33.sum(0) + y_33.sum(1), 1)
        recall = y_22.diagonal() / np.maximum(y_22.sum(1), 1)
        return float(y_33.trace() / y_33.sum()), float(f1.mean()), float(recall.mean())

    rng = np.random.default_rng(0)
    draws_DG = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), RESAMPLES)
    return np.array([score(times_G) for times_G in (np.ones(len(groups)), *draws_DG)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--nli", metavar="STUDY:CELL", help="a cell of an NLI task, such as study.yaml:snli/xnli/0")
    parser.add_argument("--store", default="xstilts-store")
    given = parser.parse_args()
    report(read_rows(given.file), load_nli(given.nli, given.store).entail if given.nli else None)


if __name__ == "__main__":
    main()
