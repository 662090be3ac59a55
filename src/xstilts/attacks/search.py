"""A search of a victim: which variant of an example does a model get wrong?

A victim is a function from examples to scores of the *right* answer (a margin, or the score of the example); higher is better
for the model, and below the threshold it is broken. A search is a value: random variants, greedy by importance, beam. It is
written for one example, as a generator that asks for scores; the driver runs all examples side by side and hands their queries
to the victim together. A query counts when the victim ran: the same variant of an example is asked about once.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from math import inf, isnan, nan
from statistics import fmean
from typing import Protocol, runtime_checkable

from xstilts.attacks.attack import Attack, Pool, Variant, edit_example, find_exponent, number_variant
from xstilts.attacks.edits import Edit, allow_words, list_places, respell_place
from xstilts.attacks.variants import check_examples, draw_variant, seeded
from xstilts.errors import InputError
from xstilts.formats.format import Example

Victim = Callable[[Sequence[Example]], Sequence[float]]


@runtime_checkable
class CuttingVictim(Protocol):
    """A victim with a tokenizer that can cut words at random."""

    def __call__(self, examples: Sequence[Example]) -> Sequence[float]: ...

    def cut(self, alpha: float, seed: int) -> Victim:
        """The same victim, which draws the cuts of each example by its id."""


# It asks for the scores of variants and gets them, in their order.
Steps = Generator[list[Variant], list[float], None]
Content = tuple[Example, int | None]  # of a variant
BATCH = 256


# A variant of an example -> replacements of its words that a model proposes: the number of the word and the new word, the most
# promising first.
Propose = Callable[[Example], Sequence[tuple[int, str]]]


@dataclass(frozen=True)
class Case:
    """One example under attack. `propose`: a model that gives the spellings of its words, for an attack that asks one."""

    attack: Attack
    example: Example
    language: str
    seed: int
    budget: float
    pool: Pool
    propose: Propose | None = None


class Method(Protocol):
    def steps(self, case: Case) -> Steps: ...


@dataclass(frozen=True)
class Found:
    """What a search found for one example. `clean`: the score of the clean example. `score`: the lowest score, and `variant`: the
    variant that has it (None: none is below the clean one). `queries`: how often the victim ran on variants, without the clean
    example."""

    source: str
    clean: float
    score: float
    variant: Variant | None
    queries: int
    threshold: float

    @property
    def broken(self) -> bool:
        """Whether the clean example was right and a variant is not."""
        return self.score < self.threshold <= self.clean


def success_rate(found: Iterable[Found]) -> float:
    """The share that is broken of the examples that were right; NaN if none was."""
    tried = [one.broken for one in found if one.clean >= one.threshold]
    return fmean(tried) if tried else nan


def transfer(
    victim: Victim, examples: Sequence[Example], found: Sequence[Found], *, threshold: float = 0.0, batch: int = BATCH
) -> list[Found]:
    """What the variants that were found on another victim do to this one. It is asked once about each; an example without a
    variant keeps its clean score. Raises InputError for a victim that returns another number of scores or NaN."""
    ask = _Asker(victim, batch)
    clean = ask(examples)
    scores = iter(ask([one.variant.example for one in found if one.variant]))
    carried = []
    for own, one in zip(clean, found, strict=True):
        score = min(own, next(scores)) if one.variant else own
        carried.append(Found(one.source, own, score, one.variant, int(one.variant is not None), threshold))
    return carried


@dataclass(frozen=True)
class RandomSearch:
    """`count` random variants: those of `make_variants`, so that more of them never find less."""

    count: int = 8

    def steps(self, case: Case) -> Steps:
        drawn = (
            draw_variant(case.attack, case.example, case.language, number, seed=case.seed, budget=case.budget, pool=case.pool)
            for number in range(self.count)
        )
        yield [variant for variant in drawn if variant is not None]


@dataclass(frozen=True)
class GreedySearch:
    """Every word is edited alone, in `spellings` ways; then the edits are put together, the most harmful word first, as long as
    each lowers the score and the budget allows it."""

    spellings: int = 3

    def steps(self, case: Case) -> Steps:
        singles = _list_singles(case, self.spellings)
        scores = yield _make(case, [[edit] for _, edit in singles])
        best = _find_best(singles, scores)
        if not best:
            return
        lowest, edits = best[0][0], [best[0][1]]
        for _, edit in best[1:]:
            if len(edits) == _allowed(case):
                return
            (score,) = yield _make(case, [[*edits, edit]])
            if score < lowest:
                lowest, edits = score, [*edits, edit]


@dataclass(frozen=True)
class BeamSearch:
    """As the greedy search begins; then the `width` lowest sets of edits are each extended by every other word."""

    width: int = 4
    spellings: int = 3

    def steps(self, case: Case) -> Steps:
        singles = _list_singles(case, self.spellings)
        scores = yield _make(case, [[edit] for _, edit in singles])
        best = _find_best(singles, scores)
        beam = [[edit] for _, edit in best[: self.width]]
        for _ in range(_allowed(case) - 1):
            sets = {frozenset((*edits, edit)) for edits in beam for _, edit in best if edit not in edits}
            grown = [sorted(edits, key=lambda edit: (edit.part, edit.start)) for edits in sets]
            grown.sort(key=lambda edits: [(edit.part, edit.start) for edit in edits])
            if not grown:
                return
            scores = yield _make(case, grown)
            order = sorted(range(len(grown)), key=lambda i: scores[i])
            beam = [grown[i] for i in order[: self.width]]


@dataclass(frozen=True)
class RandomProposals:
    """`count` variants, in each of which words that are drawn become one of the first `spellings` that a model proposes for them:
    what a search of the same proposals is set against. More of them never find less."""

    count: int
    spellings: int

    def steps(self, case: Case) -> Steps:
        edits_of: dict[int, list[Edit]] = {}
        for word, edit in _list_singles(case, self.spellings):
            edits_of.setdefault(word, []).append(edit)
        drawn = []
        for number in range(self.count):
            rng = seeded(case.seed, case.attack, case.example, case.language, number)
            words = rng.sample(list(edits_of), min(_allowed(case), len(edits_of)))
            drawn.append([rng.choice(edits_of[word]) for word in words])
        yield _make(case, filter(None, drawn))


@dataclass(frozen=True)
class ProposedSearch:
    """A model proposes replacements for words of the lowest variant so far. The first `tries` are tried as texts, and the one
    that lowers the score most is kept, as long as the budget (a number of words) allows it. No word is replaced twice."""

    propose: Propose
    tries: int = 8

    def steps(self, case: Case) -> Steps:
        places = list_places(case.example)
        kept: dict[int, Edit] = {}
        current, lowest = case.example, inf
        while len(kept) < case.budget:
            tried: list[tuple[int, Edit, Variant]] = []
            for number, word in self.propose(current):
                edit = None if number in kept else places[number].respell(word)
                variant = edit_example(case.example, [*kept.values(), edit]) if edit else None
                if edit and variant and len(list_places(variant.example)) == len(places):
                    tried.append((number, edit, variant))
                if len(tried) == self.tries:
                    break
            if not tried:
                return
            scores = yield [variant for _, _, variant in tried]
            score, best = min(zip(scores, range(len(tried)), strict=True))
            if score >= lowest:
                return
            lowest, (number, kept_edit, variant) = score, tried[best]
            kept[number], current = kept_edit, variant.example


def search(
    victim: Victim,
    attack: Attack,
    examples: Sequence[Example],
    language: str,
    method: Method,
    *,
    seed: int = 0,
    budget: float | None = None,
    pool: Pool | None = None,
    threshold: float = 0.0,
    most_queries: int | None = None,
    batch: int = BATCH,
    propose: Propose | None = None,
) -> list[Found]:
    """What the search finds for each example, in their order. The victim gets at most `batch` examples at once, and at most
    `most_queries` variants of one example. A search stops when its example is broken, and does not begin if the clean example is
    wrong. `propose`: for an attack by a model with a greedy search or a beam, the spellings of the words.

    Raises InputError for a language, a budget or examples that do not fit, for a search by words with an attack that has no
    words, for an attack on the cut of a text where the victim is no `CuttingVictim`, and for a victim that returns another number
    of scores or NaN."""
    budget = attack.check(language, budget)
    check_examples(attack, examples)
    if attack.by_model and not (isinstance(method, ProposedSearch) or (propose and not isinstance(method, RandomSearch))):
        raise InputError(f"attack {attack.name} is made by the victim's model; attack a finished cell with it")
    if not attack.by_words and not attack.by_model and not isinstance(method, RandomSearch):
        what = "no text" if attack.cuts else "whole examples"
        raise InputError(f"attack {attack.name} changes {what}, and {type(method).__name__} edits word by word; use RandomSearch")
    pool = Pool(same=examples) if pool is None else pool
    ask = _Asker(victim, batch)
    ask_variants = _Asker(_cut(victim, attack, budget, seed), batch) if attack.cuts else ask
    clean = ask(examples)
    cases = [Case(attack, example, language, seed, budget, pool, propose) for example in examples]
    runs = [_Run(case, score, method, threshold, most_queries) for case, score in zip(cases, clean, strict=True)]
    while waiting := [run for run in runs if run.asked]:
        scores = iter(ask_variants([variant.example for run in waiting for variant in run.asked.values()]))
        for run in waiting:
            run.answer([next(scores) for _ in run.asked])
    return [run.found() for run in runs]


def _cut(victim: Victim, attack: Attack, budget: float, seed: int) -> Victim:
    if not isinstance(victim, CuttingVictim):
        raise InputError(
            f"attack {attack.name} changes no text, only how the victim's tokenizer cuts it, and a function of texts has none to "
            "draw from; attack the model of a cell"
        )
    return victim.cut(find_exponent(budget), seed)


class _Asker:
    """The victim in batches, with its answers checked."""

    def __init__(self, victim: Victim, batch: int) -> None:
        self.victim, self.batch = victim, batch

    def __call__(self, examples: Sequence[Example]) -> list[float]:
        return [score for at in range(0, len(examples), self.batch) for score in self._ask(examples[at : at + self.batch])]

    def _ask(self, examples: Sequence[Example]) -> list[float]:
        scores = [float(score) for score in self.victim(examples)]
        if len(scores) != len(examples):
            raise InputError(f"the victim returned {len(scores)} scores for {len(examples)} examples; expected one for each")
        for example, score in zip(examples, scores, strict=True):
            if isnan(score):
                raise InputError(f"the victim returned NaN for example {example.id}; expected the score of its right answer")
        return scores


class _Run:
    """The search of one example: what it asks for next (`asked`), and the lowest score so far."""

    def __init__(self, case: Case, clean: float, method: Method, threshold: float, most_queries: int | None) -> None:
        self.case, self.clean, self.threshold, self.most_queries = case, clean, threshold, most_queries
        self.scores: dict[Content, float] = {(case.example, None): clean}
        self.queries = 0
        self.lowest: tuple[float, Variant | None] = (clean, None)
        self.asked: dict[Content, Variant] = {}
        self.wanted: list[Content] = []
        self.steps = method.steps(case)
        if clean >= threshold:
            self._advance(None)

    def answer(self, scores: Sequence[float]) -> None:
        """Take the scores of what was asked for, and go on unless the example is broken or no queries are left."""
        for (key, variant), score in zip(self.asked.items(), scores, strict=True):
            self.scores[key] = score
            if score < self.lowest[0]:
                self.lowest = (score, variant)
        self.asked = {}
        if self.lowest[0] >= self.threshold and all(key in self.scores for key in self.wanted):
            self._advance([self.scores[key] for key in self.wanted])

    def _advance(self, scores: list[float] | None) -> None:
        """Run the generator on until it asks for something that is not known."""
        while True:
            try:
                variants = next(self.steps) if scores is None else self.steps.send(scores)
            except StopIteration:
                return
            self.wanted = [variant.content for variant in variants]
            unknown = {key: one for key, one in zip(self.wanted, variants, strict=True) if key not in self.scores}
            left = len(unknown) if self.most_queries is None else self.most_queries - self.queries
            for key, variant in list(unknown.items())[:left]:
                self.asked[key] = number_variant(variant, self.queries)
                self.queries += 1
            if unknown:
                return
            scores = [self.scores[key] for key in self.wanted]

    def found(self) -> Found:
        score, variant = self.lowest
        return Found(self.case.example.id, self.clean, score, variant, self.queries, self.threshold)


def _list_singles(case: Case, spellings: int) -> list[tuple[int, Edit]]:
    """(number of the word, edit): up to `spellings` different edits of each word alone."""
    proposed: dict[int, list[str]] = {}
    for number, word in case.propose(case.example) if case.propose else ():
        proposed.setdefault(number, []).append(word)
    singles: list[tuple[int, Edit]] = []
    for number, place in enumerate(list_places(case.example)):
        drawn = [respell_place(case.example, place, word) for word in proposed.get(number, ())[:spellings]]
        if case.attack.by_words:
            rng = seeded(case.seed, case.attack, case.example, case.language, -1 - number)
            drawn = [case.attack.respell(case.example, place, case.language, rng, case.pool) for _ in range(spellings)]
        singles += [(number, edit) for edit in dict.fromkeys(drawn) if edit]
    return singles


def _make(case: Case, sets: Iterable[Sequence[Edit]]) -> list[Variant]:
    made = [edit_example(case.example, edits) for edits in sets]
    assert all(made), "edits of different words go together"
    return [variant for variant in made if variant is not None]


def _find_best(singles: Sequence[tuple[int, Edit]], scores: Sequence[float]) -> list[tuple[float, Edit]]:
    """(score, edit): the most harmful edit of each word, the most harmful word first; the earlier one of equals."""
    best: dict[int, tuple[float, Edit]] = {}
    for (word, edit), score in zip(singles, scores, strict=True):
        if word not in best or score < best[word][0]:
            best[word] = (score, edit)
    return sorted(best.values(), key=lambda pair: pair[0])


def _allowed(case: Case) -> int:
    return allow_words(case.budget, len(list_places(case.example)))
