"""What one search of one victim cannot tell: whether variants that were found on another model break it too (transfer), and
whether its robustness is real or only hidden from the search (gradient masking; Athalye et al. 2018, Carlini et al. 2019).

A search that asks the victim should break no less than variants that were found on another model, and these no less than random
ones, all with the same number of edits; and more variants should never break less.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any, cast

from xstilts.attacks.model_based import HOTFLIP, PGD, SUBSTITUTE
from xstilts.attacks.search import (
    BeamSearch,
    Found,
    GreedySearch,
    Method,
    ProposedSearch,
    RandomProposals,
    RandomSearch,
    Victim,
    success_rate,
    transfer,
)
from xstilts.errors import InputError
from xstilts.execution.attack import (
    Attacked,
    Judge,
    MakeVictim,
    ModelVictim,
    Round,
    ask_model,
    find_variants,
    follow_noise,
    judge_rows,
    list_rounds,
    load_victims,
    share_kept,
)
from xstilts.plan.cell import PlannedCell
from xstilts.store.store import Store
from xstilts.study.record import NO_CHAIN

RANDOM, TRANSFER, ASKS = "random", "transfer", "asks the victim"


@dataclass(frozen=True)
class Carried:
    """One attack in one language, found on a surrogate and tried once on the victim. `right`: the examples that both got right;
    `untouched`: how many of these have no variant that lowers the surrogate's score; `surrogate`, `victim`: the share of `right`
    that is broken (NaN if there are none); `kept`: as in `Summary`."""

    attack: str
    language: str
    examples: int
    right: int
    untouched: int
    surrogate: float
    victim: float
    kept: float | None = None


@dataclass(frozen=True)
class Rung:
    """One search of the check: of the `right` examples, how many it breaks with `tried` variants of each (the mean, where a
    search goes on until it has found something)."""

    attack: str
    language: str
    search: str
    tried: float
    right: int
    broken: int


def transfer_cell(
    cell: PlannedCell,
    surrogate: PlannedCell,
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
    """As `attack_cell`, but the variants are found on the model of another cell and tried once on this one. Raises InputError
    also for a surrogate that is no other model, or has another target."""
    check_surrogate(cell, surrogate, note)
    if PGD.name in attacks:
        raise InputError("pgd makes no text, so there is nothing to carry over to another model; leave it out")
    rounds = list_rounds(cell, store, attacks, languages, budget, limit, note, judge is not None)
    if alone := [one.name for one in rounds if one.attack.stands_alone]:
        raise InputError(
            f"{alone[0]} asks no model what to write, so there is nothing to carry over to another one; leave it out"
        )
    others = load_victims(surrogate, store, make_victim, rounds)
    victims = load_victims(cell, store, make_victim, rounds)
    for one in rounds:
        on_start(one.name, one.language)
        there = ask_model(others[one.language], one, method, seed, most_queries)
        here = transfer(victims[one.language], one.examples, there)
        rows = [Attacked(one.name, one.language, *row) for row in zip(one.examples, here, there, strict=True)]
        yield from judge_rows(rows, judge) if judge else rows


def check_surrogate(cell: PlannedCell, surrogate: PlannedCell, note: Callable[[str], None]) -> None:
    """Raises InputError for a surrogate that cannot be one; what speaks against it goes to `note`."""
    if surrogate.id.target != cell.id.target:
        raise InputError(
            f"the surrogate answers {surrogate.id.target} and the victim {cell.id.target}; expected a cell of the same target"
        )
    if surrogate.checkpoint.key == cell.checkpoint.key:
        raise InputError("the surrogate is the victim's own model; expected a cell with another one, such as another encoder")
    arms = (cell.id.arm, surrogate.id.arm)
    if surrogate.id.encoder == cell.id.encoder and (arms[0] == arms[1] or NO_CHAIN in arms):
        kind = "the same chain" if arms[0] == arms[1] else f"compared with '{NO_CHAIN}'"
        note(
            f"the surrogate's chain '{arms[1]}' and the victim's are {kind}: variants that were found on one side of a "
            "comparison harm that side more; to compare chains, take a surrogate on neither side, such as another encoder"
        )


def summarise_transfer(rows: Sequence[Attacked]) -> list[Carried]:
    """A summary of each attack and language, in their order."""
    groups: dict[tuple[str, str], list[Attacked]] = {}
    for row in rows:
        groups.setdefault((row.attack, row.language), []).append(row)
    summaries = []
    for (attack, language), some in groups.items():
        pairs = [(row.found, row.surrogate) for row in some if row.surrogate]
        both = [(here, there) for here, there in pairs if _was_right(here) and _was_right(there)]
        untouched = sum(there.variant is None for _, there in both)
        on_surrogate, on_victim = success_rate(there for _, there in both), success_rate(here for here, _ in both)
        summaries.append(Carried(attack, language, len(pairs), len(both), untouched, on_surrogate, on_victim, share_kept(some)))
    return summaries


def check_cell(
    cell: PlannedCell,
    surrogate: PlannedCell | None,
    store: Store,
    make_victim: MakeVictim,
    attacks: Sequence[str],
    languages: Sequence[str] = (),
    method: Method | None = None,
    *,
    count: int = 8,
    budget: float | None = None,
    seed: int = 0,
    limit: int | None = None,
    most_queries: int | None = None,
    on_start: Callable[[str, str], None] = lambda attack, language: None,
    note: Callable[[str], None] = lambda text: None,
) -> list[Rung]:
    """Random search with up to `count` variants, transfer if there is a surrogate, and a search that asks the victim (`method`:
    greedy if None is given), for each attack and language. Raises InputError as `attack_cell` and `transfer_cell` do, and if
    `method` is random."""
    method = method or GreedySearch()
    if not isinstance(method, GreedySearch | BeamSearch):
        raise InputError("the check compares random variants with a search that asks the victim; expected greedy or beam")
    if surrogate:
        check_surrogate(cell, surrogate, note)
    checked = []
    for one in list_rounds(cell, store, attacks, languages, budget, limit, note):
        if one.attack.by_words or one.attack.by_model:
            checked.append(one)
        else:
            note(f"{one.name} in {one.language}: not checked, because no search tries its edits word by word")
    if surrogate and any(one.attack is PGD for one in checked):
        note("pgd makes no text, so nothing of it is tried on the victim; it is set against noise drawn at random")
    others = load_victims(surrogate, store, make_victim, checked) if surrogate else {}
    victims = load_victims(cell, store, make_victim, checked)
    rungs = []
    for one in checked:
        on_start(one.name, one.language)
        options: dict[str, Any] = {"count": count, "seed": seed, "most_queries": most_queries}
        rungs += check_victim(victims[one.language], others.get(one.language), one, method, **options)
    return rungs


def check_victim(
    victim: Victim,
    surrogate: Victim | None,
    one: Round,
    method: GreedySearch | BeamSearch,
    *,
    count: int = 8,
    seed: int = 0,
    most_queries: int | None = None,
) -> list[Rung]:
    """The rungs of one round, on the examples that the victim (and the surrogate) gets right. Attacks by a model are set against
    their own moves without its advice: hotflip against words drawn at random, which asks the victim too, so that transfer is not
    set against it; substitute against some of the words that it would try; pgd against noise of the same norm."""
    found: list[tuple[str, float | None, list[Found]]] = []
    model = cast(ModelVictim, victim)
    counts = sorted({*(2**n for n in range(count.bit_length())), count})
    if one.attack is HOTFLIP:
        blind = ProposedSearch(model.propose(one.language, blind=True))
        found.append((RANDOM, None, find_variants(victim, one, blind, seed, most_queries)))
    elif one.attack is PGD:
        found.append((RANDOM, None, follow_noise(model, one, blind=True)))
    elif one.attack is SUBSTITUTE:
        propose, spellings = model.substitute(one.language), method.spellings
        drawn = ((n, RandomProposals(n, spellings)) for n in counts)
        found += [(RANDOM, n, find_variants(victim, one, method, seed, most_queries, propose)) for n, method in drawn]
    else:
        found += [(RANDOM, n, find_variants(victim, one, RandomSearch(n), seed, most_queries)) for n in counts]
    there = ask_model(surrogate, one, method, seed, most_queries) if surrogate and one.attack is not PGD else None
    if there is not None:
        found.append((TRANSFER, 1, transfer(victim, one.examples, there)))
    asked = ask_model(victim, one, method, seed, most_queries)
    found.append((ASKS, None, asked))
    kept = [i for i, own in enumerate(asked) if _was_right(own) and (there is None or _was_right(there[i]))]
    rungs = []
    for name, tried, some in found:
        mean = fmean(some[i].queries for i in kept) if kept else 0
        broken = sum(some[i].broken for i in kept)
        rungs.append(Rung(one.name, one.language, name, mean if tried is None else tried, len(kept), broken))
    return rungs


def explain_rungs(rungs: Sequence[Rung]) -> list[str]:
    """A sentence for each inequality that does not hold."""
    groups: dict[tuple[str, str], list[Rung]] = {}
    for one in rungs:
        groups.setdefault((one.attack, one.language), []).append(one)
    sentences = []
    for (attack, language), group in groups.items():
        random = [one for one in group if one.search == RANDOM]
        carried = next((one for one in group if one.search == TRANSFER), None)
        asks = group[-1]
        of = f"{attack} in {language}, of {asks.right}:"
        for fewer, more in pairwise(random):
            if more.broken < fewer.broken:
                sentences.append(
                    f"{of} {more.tried:g} random variants break {more.broken} and {fewer.tried:g} of them {fewer.broken}; "
                    "the victim gives one text different scores"
                )
        best = max([*random, *([carried] if carried else [])], key=lambda one: one.broken)
        if asks.broken < best.broken:
            sentences.append(
                f"{of} the search that asks the victim breaks {asks.broken}, {best.search} {best.broken}; "
                "the victim hides its gradients or the search is weak"
            )
        if carried and random[0].tried == carried.tried and carried.broken < random[0].broken:
            sentences.append(
                f"{of} variants of the surrogate break {carried.broken}, random ones {random[0].broken}; "
                "the surrogate is too unlike the victim to stand for it"
            )
    return sentences


def _was_right(found: Found) -> bool:
    return found.clean >= found.threshold
