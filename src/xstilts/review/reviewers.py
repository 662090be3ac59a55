"""The models that a question asks: NLI cells of studies, with what they said kept, and calibrated on labelled claims if given.

What a model says of a pair of texts depends on its checkpoint and the pair alone, so it is kept under both (`KeptAnswers`): a
line each in a file of the store, added to as answers come. A line that a kill has cut is left out and asked again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from xstilts.documents.claim import read_claim
from xstilts.documents.paper import Paper, Section
from xstilts.documents.reviewers import Calibration, Entail, NliReviewer, fit_calibration
from xstilts.documents.search import Corpus
from xstilts.documents.verify import Case, make_case, rank_passages
from xstilts.documents.words import Weights, list_words
from xstilts.errors import InputError
from xstilts.reading import decode_utf8, parse_json, read_bytes
from xstilts.store.fingerprint import compute_key

AT_ONCE = 256  # pairs that are asked before their answers are written
LEAST = 50  # labelled claims of each kind


class KeptAnswers:
    """The answers of one checkpoint: asks `entail` for pairs that are not in the file. `asked`: how many pairs it was asked.
    `tell` hears how many of the missing pairs are answered, of how many."""

    def __init__(self, entail: Entail, path: Path, tell: Callable[[int, int], None] = lambda done, of: None):
        self._entail, self._path, self._tell = entail, path, tell
        self._known = _read_answers(path)
        self.asked = 0

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
        keys = [compute_key(list(pair)) for pair in pairs]
        missing = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._known}
        wanted = list(missing.items())
        if wanted:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                if file.tell():
                    file.write("\n")  # after a line that a kill has cut
                for start in range(0, len(wanted), AT_ONCE):
                    self._tell(start, len(wanted))
                    self._ask(wanted[start : start + AT_ONCE], file)
        return [self._known[key] for key in keys]

    def _ask(self, some: Sequence[tuple[str, tuple[str, str]]], file: IO[str]) -> None:
        answers = self._entail([pair for _, pair in some])
        self.asked += len(some)
        for (key, _), (follows, contradicts) in zip(some, answers, strict=True):
            self._known[key] = (follows, contradicts)
            file.write(json.dumps([key, follows, contradicts]) + "\n")
        file.flush()


def _read_answers(path: Path) -> dict[str, tuple[float, float]]:
    known: dict[str, tuple[float, float]] = {}
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return known
    for line in lines:
        try:
            key, follows, contradicts = json.loads(line)
            known[str(key)] = (float(follows), float(contradicts))
        except (ValueError, TypeError):
            continue
    return known


def make_reviewer(name: str, entail: Entail, sentences: int, corpus: Corpus, labelled: Path | None) -> NliReviewer:
    """A reviewer that reads passages of so many sentences. `labelled`: the file that calibrates it."""

    def cut(case: Case) -> Sequence[object]:
        return [passage for passage, _ in rank_passages(case.claim, case.paper, corpus.weights, sentences)]

    shown = name if sentences == 3 else f"{name}, {sentences} sentence{'s' if sentences > 1 else ''}"
    reviewer = NliReviewer(shown, entail, cut=cut if sentences != 3 else None)  # type: ignore[arg-type]
    if labelled is None:
        return reviewer
    calibration = calibrate(reviewer, labelled, sentences)
    return NliReviewer(shown, entail, calibration, reviewer.cut)


def calibrate(reviewer: NliReviewer, path: Path, sentences: int = 3) -> Calibration:
    """The calibration of a reviewer on labelled claims, JSON lines {"claim", "evidence": [sentences], "supported": true}. Raises
    InputError that names the line, and if there are too few."""
    cases, supported = read_labelled(path, sentences)
    scores = [vote.score or 0.0 for vote in reviewer.review(cases)]
    return fit_calibration(scores, supported, f"{len(cases)} claims of {path.name}")


def read_labelled(path: Path, sentences: int = 3) -> tuple[list[Case], list[bool]]:
    """The cases of a file of labelled claims, and whether each is supported. Raises InputError."""
    rows = []
    lines = decode_utf8(read_bytes(path, "labelled claims"), str(path)).split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = parse_json(line, f"{path}:{number}")
            claim, evidence, label = row["claim"], row["evidence"], row["supported"]
        except (KeyError, TypeError):
            raise InputError(f'{path}:{number}: expected {{"claim": ..., "evidence": [sentences], "supported": true}}') from None
        if not (isinstance(claim, str) and isinstance(evidence, list) and isinstance(label, bool)):
            raise InputError(f"{path}:{number}: expected claim as text, evidence as a list of texts, supported as true or false")
        paper = Paper(f"{path.name}:{number}", "", "", str(path), "full text", (Section("", "\n\n".join(map(str, evidence))),))
        rows.append((claim, paper, label))
    yes = sum(label for *_, label in rows)
    if min(yes, len(rows) - yes) < LEAST:
        raise InputError(f"{path}: {yes} supported and {len(rows) - yes} other claims; expected at least {LEAST} of each")
    weights = Weights(list_words(section.text) for _, paper, _ in rows for section in paper.sections)
    cases = [make_case(read_claim(paper.work, claim), paper, weights, sentences) for claim, paper, _ in rows]
    return cases, [label for *_, label in rows]
