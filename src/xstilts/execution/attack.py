"""Attack a victim with a search: the model of a finished cell on its own test data, or any function from texts to scores.

What a study measures under `conditions` is the worst of some random variants, the same for all arms. A search asks the victim and
so finds more; its variants are of this victim only.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from math import isnan, nan
from statistics import fmean, median, quantiles
from typing import Any, Protocol, cast

import numpy as np

from xstilts.attacks.attack import Attack, Pool
from xstilts.attacks.edits import parts
from xstilts.attacks.model_based import HOTFLIP, PGD, PGD_SIZES, SUBSTITUTE
from xstilts.attacks.registry import find_attack
from xstilts.attacks.search import (
    BeamSearch,
    Found,
    GreedySearch,
    Method,
    Propose,
    ProposedSearch,
    RandomSearch,
    Victim,
    search,
    success_rate,
)
from xstilts.attacks.variants import make_variants
from xstilts.errors import InputError, nearest
from xstilts.execution.language_pairs import read_gold
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example
from xstilts.plan.attack_stages import explain_misfit, explain_uncut
from xstilts.plan.cell import PlannedCell
from xstilts.stages.stage import ScoreStage
from xstilts.store.store import Store
from xstilts.tasks.registry import find_task

# Texts of examples -> for each of them a score of each label, in the order of the task's labels; shape (N, C).
TextVictim = Callable[[Sequence[tuple[str, ...]]], Sequence[Sequence[float]]]


class ModelVictim(Protocol):
    """A victim whose model can be asked for more than scores (`stages.victim.CellVictim`)."""

    def __call__(self, examples: Sequence[Example]) -> Sequence[float]: ...
    def propose(self, language: str, blind: bool = False) -> Propose: ...
    def substitute(self, language: str) -> Propose: ...
    def perturb(self, examples: Sequence[Example], size: float, blind: bool = False) -> Sequence[Sequence[float]]: ...


# Pairs of texts -> the probability that the second follows from the first (`stages.judge.CellJudge`).
Judge = Callable[[Sequence[tuple[str, str]]], Sequence[float]]
ENTAILS = 0.8  # the probability from which a judge is taken to say so
# The score stage of a clean cell, on the test data of one language -> its model (`stages.victim.load_victim`, which needs torch).
MakeVictim = Callable[[Store, ScoreStage, str], Victim]


@dataclass(frozen=True)
class Attacked:
    """What one attack did to one example. `surrogate`: what it did to the model on which it was found, if that is another one.
    `kept`: whether a judge found that the broken text still means the same; None if it was not asked. `alone`: the example is an
    item of an attack whose variants stand alone, and its own score is all there is."""

    attack: str
    language: str
    example: Example
    found: Found
    surrogate: Found | None = None
    kept: bool | None = None
    alone: bool = False


@dataclass(frozen=True)
class Round:
    """One attack on the test data of one language. `name`: that of the attack, with the budget where several are tried."""

    attack: Attack
    name: str
    language: str
    examples: Sequence[Example]
    pool: Pool
    budget: float | None = None


@dataclass(frozen=True)
class Summary:
    """One attack in one language. `right`: the clean examples that the victim got right; `untouched`: how many of these have no
    variant, since nothing in them can be edited; `success`: the share of these that are broken (NaN if none is right); `clean`
    and `attacked`: the share of all examples that is right before and after; `queries` of the examples that have variants: median
    and 90th percentile. `kept`: the share of the broken ones that a judge keeps (None if it was asked about none). `alone`: the
    examples are items that stand alone; `clean` is the share right, and nothing is broken."""

    attack: str
    language: str
    examples: int
    right: int
    untouched: int
    success: float
    clean: float
    attacked: float
    queries: float
    queries_p90: float
    kept: float | None = None
    alone: bool = False


def make_method(name: str, count: int) -> Method:
    """A search by name: `count` random variants, `count` spellings of each word, or a beam of `count`. Raises InputError."""
    methods: dict[str, Method] = {"random": RandomSearch(count), "greedy": GreedySearch(count), "beam": BeamSearch(width=count)}
    if name not in methods:
        raise InputError(f"no search {name!r}{nearest(name, methods)}; expected {', '.join(methods)}")
    if count < 1:
        raise InputError(f"count: expected 1 or more, found {count}")
    return methods[name]


def attack_cell(
    cell: PlannedCell,
    store: Store,
    make_victim: MakeVictim,
    attacks: Sequence[str],
    languages: Sequence[str] = (),
    method: Method | None = None,
    *,
    budget: float | None = None,
    seed: int = 0,
    limit: int | None = None,
    most_queries: int | None = None,
    judge: Judge | None = None,
    on_start: Callable[[str, str], None] = lambda attack, language: None,
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[Attacked]:
    """Attack a cell's model on its test data, attack by attack and language by language. `make_victim`: `load_victim`, since that
    needs torch. `languages`: those of the cell if none is given. `limit`: so many examples of each language, the same ids in all.
    What an attack does not fit goes to `note`. Raises InputError if nothing fits, for an unknown attack or language, and if the
    store lacks the model or the data."""
    rounds = list_rounds(cell, store, attacks, languages, budget, limit, note, judge is not None)
    victims = load_victims(cell, store, make_victim, rounds)
    for one in rounds:
        on_start(one.name, one.language)
        one = write_items(one, method, seed) if one.attack.stands_alone else one
        found = ask_model(victims[one.language], one, method, seed, most_queries)
        pairs = zip(one.examples, found, strict=True)
        rows = [Attacked(one.name, one.language, e, f, alone=one.attack.stands_alone) for e, f in pairs]
        yield from judge_rows(rows, judge) if judge else rows


def list_rounds(
    cell: PlannedCell,
    store: Store,
    attacks: Sequence[str],
    languages: Sequence[str] = (),
    budget: float | None = None,
    limit: int | None = None,
    note: Callable[[str], None] = lambda text: None,
    judged: bool = False,
) -> list[Round]:
    """Attack by attack and language by language, with the test data of a cell; see `attack_cell`. Where no judge will say which
    texts still mean the same, `note` is told what that means."""
    task = find_task(cell.id.target)
    chosen = [find_attack(name) for name in attacks]
    gold = cell.score.inputs.gold
    for language in languages:
        if language not in gold:
            raise InputError(f"{cell.id.target} has no test data in {language!r} here; expected {', '.join(gold)}")
    tests = {code: [e for e in read_gold(store, cell, code) if e.answer is not None] for code in gold}  # XVNLI has some without
    rounds: list[Round] = []
    left_out: list[str] = []

    def leave_out(what: str, reason: str) -> None:
        left_out.append(f"{what}: left out, because {reason}")
        note(left_out[-1])

    for attack in chosen:
        if reason := explain_misfit(attack, task, gold) or explain_ablation(attack):
            leave_out(attack.name, reason)
            continue
        if attack.by_model and attack is not PGD and not judged:
            note(f"{attack.name}: nothing keeps the label and no judge was asked, so this is an upper bound of fragility")
        if attack.cuts and (reason := explain_uncut(cell.checkpoint)):
            leave_out(attack.name, reason)
            continue
        if attack.declared and attack.resource != "none":
            note(f"{attack.name}: reads {attack.resource}")
        parallel = _by_id(tests, attack) if attack.mixes_languages else {}
        for code in languages or gold:
            if reason := attack.excludes(code):
                leave_out(f"{attack.name} in {code}", reason)
            else:
                some, pool = _choose(tests[code], limit), Pool(tests[code], parallel)
                sizes = PGD_SIZES if attack is PGD and budget is None else ()
                rounds += [Round(attack, f"{attack.name} {size:g}", code, some, pool, size) for size in sizes]
                rounds += [] if sizes else [Round(attack, attack.name, code, some, pool, budget)]
    if not rounds:
        raise InputError(f"nothing to attack {cell.id.target} with; {'; '.join(left_out)}")
    return rounds


def explain_ablation(attack: Attack) -> str:
    """Why a search has no use for an ablation; "" for any other attack."""
    ablation = "it is an ablation and no attack: what the answer rests on is taken away; list it under a study's `conditions`"
    return ablation if attack.goal == "ablation" else ""


def load_victims(cell: PlannedCell, store: Store, make_victim: MakeVictim, rounds: Iterable[Round]) -> dict[str, Victim]:
    """By language, since the score of an answer may depend on it. They share one model."""
    return {code: make_victim(store, cell.score, code) for code in dict.fromkeys(one.language for one in rounds)}


def attack_function(
    victim: TextVictim,
    task: str,
    examples: Sequence[Mapping[str, object]],
    attacks: Sequence[str],
    language: str,
    method: Method | None = None,
    *,
    budget: float | None = None,
    seed: int = 0,
    most_queries: int | None = None,
) -> Iterator[Attacked]:
    """Attack a function that gives each label of a classification task a score. An example is a mapping with `texts` and
    `answer`, and perhaps an `id`. Raises InputError."""
    format = find_task(task).format
    if not isinstance(format, Classify):
        raise InputError(f"{task} is {format.name}; a function from texts to scores of labels fits classification only")
    read = [_read_example(format, one, place) for place, one in enumerate(examples)]
    index = {label: i for i, label in enumerate(format.labels)}

    def score(some: Sequence[Example]) -> list[float]:
        texts = [example.strings() for example in some]
        table_NC = np.asarray(victim(texts), dtype=np.float64)
        if table_NC.shape != (len(some), len(format.labels)):
            raise InputError(
                f"the victim returned an array of shape {table_NC.shape} for {len(some)} examples; expected "
                f"({len(some)}, {len(format.labels)}): a score of {', '.join(format.labels)} for each"
            )
        right_N = np.array([index[str(example.answer)] for example in some])
        own_N = table_NC[np.arange(len(some)), right_N]
        others_NC = table_NC.copy()
        others_NC[np.arange(len(some)), right_N] = -np.inf
        margins: list[float] = (own_N - others_NC.max(axis=1)).tolist()
        return margins

    for attack in [find_attack(name) for name in attacks]:
        name = attack.name
        if attack.by_model:
            raise InputError(f"{name}: it asks the model itself, and a function has only scores; attack a finished cell with it")
        if reason := attack.misfits(format, task) or attack.excludes(language) or explain_ablation(attack):
            raise InputError(f"{attack.name}: {reason}")
        if attack.mixes_languages:
            raise InputError(f"{attack.name}: it needs the same examples in other languages, which only a cell has")
        one = Round(attack, name, language, read, Pool(same=read), budget)
        found = find_variants(score, one, method, seed, most_queries)
        yield from (Attacked(name, language, e, f) for e, f in zip(read, found, strict=True))


def summarise_attacks(rows: Sequence[Attacked]) -> list[Summary]:
    """A summary of each attack and language, in their order."""
    groups: dict[tuple[str, str], list[Attacked]] = {}
    for row in rows:
        groups.setdefault((row.attack, row.language), []).append(row)
    return [_summarise(*place, some) for place, some in groups.items()]


def check_judge(cell: PlannedCell, judge: PlannedCell) -> None:
    """Raises InputError if the judge is the model that it would judge."""
    if judge.checkpoint.key == cell.checkpoint.key:
        raise InputError("the judge is the victim's own model, so it would agree with it; expected a cell with another one")


def judge_rows(rows: Sequence[Attacked], judge: Judge) -> list[Attacked]:
    """The rows, with `kept` where a text is broken: each text that was edited must follow from the clean one and the other way
    round, with a probability of ENTAILS."""
    pairs = [
        [pair for pair in zip(parts(row.example), parts(row.found.variant.example), strict=True) if pair[0] != pair[1]]
        if row.found.broken and row.found.variant
        else []
        for row in rows
    ]
    asked = [pair for some in pairs for first, second in some for pair in ((first, second), (second, first))]
    said = iter(judge(asked))
    answers = [[next(said) >= ENTAILS for _ in range(2 * len(some))] for some in pairs]
    return [replace(row, kept=all(given)) if given else row for row, given in zip(rows, answers, strict=True)]


def share_kept(rows: Sequence[Attacked]) -> float | None:
    """Of the rows that a judge was asked about, the share that it keeps; None if there are none."""
    judged = [row.kept for row in rows if row.kept is not None]
    return fmean(judged) if judged else None


def write_attacked(row: Attacked) -> dict[str, Any]:
    """A row for tables and files. `attacked_text` is empty where no variant lowered the score (of the surrogate, if there is
    one)."""
    found = row.found
    example, variant = row.example, found.variant
    on_surrogate = {"surrogate_clean": row.surrogate.clean, "surrogate_attacked": row.surrogate.score} if row.surrogate else {}
    return {
        "attack": row.attack,
        "language": row.language,
        "id": example.id,
        "gold": example.answer,
        "clean": found.clean,
        "attacked": found.score,
        "broken": found.broken,
        "queries": found.queries,
        "text": " | ".join(parts(example)),
        "attacked_text": " | ".join(parts(variant.example)) if variant else "",
        **on_surrogate,
        **({} if row.kept is None else {"kept": row.kept}),
    }


def _summarise(attack: str, language: str, rows: Sequence[Attacked]) -> Summary:
    found = [row.found for row in rows]
    right = [one for one in found if one.clean >= one.threshold]
    queries = [one.queries for one in right if one.queries] or [0]
    untouched = sum(not one.queries for one in right)
    p90 = quantiles(queries, n=10, method="inclusive")[-1] if len(queries) > 1 else float(queries[0])
    clean = fmean(one.clean >= one.threshold for one in found)
    attacked = fmean(one.score >= one.threshold for one in found)
    counts, shares = (len(found), len(right), untouched), (success_rate(found), clean, attacked)
    if rows[0].alone:
        return Summary(attack, language, len(found), len(right), 0, nan, clean, clean, 1, 1, alone=True)
    return Summary(attack, language, *counts, *shares, median(queries), p90, share_kept(rows))


def find_variants(
    victim: Victim, one: Round, method: Method | None, seed: int, most_queries: int | None, propose: Propose | None = None
) -> list[Found]:
    """What a search (`RandomSearch` if None is given) finds in one round, in the order of its examples."""
    method = method or RandomSearch()
    options: dict[str, Any] = {"seed": seed, "budget": one.budget, "pool": one.pool, "most_queries": most_queries}
    options["propose"] = propose
    return search(victim, one.attack, one.examples, one.language, method, **options)


def ask_model(victim: Victim, one: Round, method: Method | None, seed: int, most_queries: int | None) -> list[Found]:
    """As `find_variants`; attacks by the victim's model have a search of their own, and `method` is not used."""
    if one.attack.stands_alone:
        return find_variants(victim, one, RandomSearch(), seed, most_queries=0)  # the items alone, see `write_items`
    model = cast(ModelVictim, victim)  # where it is asked for more: no attack by a model fits retrieval
    if one.attack is HOTFLIP:
        method = ProposedSearch(model.propose(one.language))
    if one.attack is SUBSTITUTE:
        method = GreedySearch(method.count) if isinstance(method, RandomSearch) else method or GreedySearch()
        return find_variants(victim, one, method, seed, most_queries, model.substitute(one.language))
    if one.attack is not PGD:
        return find_variants(victim, one, method, seed, most_queries)
    return follow_noise(model, one)


def write_items(one: Round, method: Method | None, seed: int) -> Round:
    """The round with the items of an attack whose variants stand alone, as many for each example as a random search draws.
    Raises InputError for another search."""
    method = method or RandomSearch()
    if not isinstance(method, RandomSearch):
        raise InputError(f"attack {one.attack.name} writes examples of its own, which no search can change; use RandomSearch")
    made = make_variants(one.attack, one.examples, one.language, seed=seed, count=method.count, budget=one.budget, pool=one.pool)
    return replace(one, examples=[variant.example for variant in made.variants])


def follow_noise(victim: ModelVictim, one: Round, blind: bool = False) -> list[Found]:
    """What noise on the word embeddings does; `blind`: drawn at random and not by gradients."""
    paths = victim.perturb(one.examples, one.attack.check(one.language, one.budget), blind)
    return [_follow_path(example, path) for example, path in zip(one.examples, paths, strict=True)]


def _follow_path(example: Example, path: Sequence[float]) -> Found:
    """What noise does to an example: its score without noise, then at each step."""
    if any(map(isnan, path)):
        raise InputError(f"the victim returned NaN for example {example.id}; expected the score of its right answer")
    return Found(example.id, path[0], min(path), None, len(path) - 1 if path[0] >= 0 else 0, 0.0)


def _by_id(tests: Mapping[str, Sequence[Example]], attack: Attack) -> dict[str, dict[str, Example]]:
    return {code: {example.id: example for example in own} for code, own in tests.items() if not attack.excludes(code)}


def _choose(examples: Sequence[Example], limit: int | None) -> Sequence[Example]:
    """So many of the examples, those whose ids have the least hashes: where languages share ids, the same in each."""
    if limit is None or limit >= len(examples):
        return examples
    chosen = set(sorted((example.id for example in examples), key=lambda id: sha256(id.encode()).digest())[:limit])
    return [example for example in examples if example.id in chosen]


def _read_example(format: Classify, given: Mapping[str, object], place: int) -> Example:
    texts, answer = given.get("texts"), given.get("answer")
    if isinstance(texts, str):
        texts = [texts]
    if not isinstance(texts, (list, tuple)) or len(texts) != format.texts or not all(isinstance(text, str) for text in texts):
        raise InputError(f"example {place}: expected `texts`, a list of {format.texts} texts, found {texts!r:.80}")
    if answer not in format.labels:
        raise InputError(f"example {place}: answer {answer!r} is none of {', '.join(format.labels)}")
    return ClassifyExample(str(given.get("id", place)), tuple(texts), str(answer))
