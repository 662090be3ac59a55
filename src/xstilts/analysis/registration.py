"""A study against its frozen design: every deviation, and the pairs that are confirmatory all the same.

The design that counts is the last one that was frozen before any score was there, so that a plan may be mended until then; if
there is none, the first one. A pair of chain and target is confirmatory if that design was frozen before the first score, names
it as primary, and no deviation concerns it. Everything else is exploratory. Surprising: another version of the code is shown and
makes nothing exploratory by itself, since what it changes of a result changes the keys of its stages.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import Results
from xstilts.execution.freeze import FrozenDesign
from xstilts.plan.design import Design, Pair, TargetDesign
from xstilts.store.fingerprint import list_differences
from xstilts.study import NO_CHAIN

MOST_NAMED = 6


@dataclass(frozen=True)
class Deviation:
    """What differs from the frozen design, in words, and the pairs that it concerns. `what`: the part of the design."""

    what: str
    text: str
    pairs: frozenset[Pair]


@dataclass(frozen=True)
class Registration:
    """The frozen design that counts, what deviates from it, and the pairs that are confirmatory. `others`: further designs that
    were frozen under the name of the study."""

    frozen: FrozenDesign
    deviations: tuple[Deviation, ...]
    confirmatory: tuple[Pair, ...]
    others: tuple[FrozenDesign, ...]


def check_registration(results: Results) -> Registration | None:
    """The study against its frozen design; None if nothing was frozen."""
    if not results.frozen or results.design is None:
        return None
    early = [frozen for frozen in results.frozen if frozen.scores_then.none]
    chosen = early[-1] if early else results.frozen[0]
    deviations = tuple(find_deviations(chosen, results))
    concerned = frozenset[Pair]().union(*(deviation.pairs for deviation in deviations))
    sure = [pair for pair in chosen.design.primary if pair not in concerned] if early else []
    return Registration(chosen, deviations, tuple(sure), tuple(one for one in results.frozen if one is not chosen))


def find_deviations(frozen: FrozenDesign, results: Results) -> Iterator[Deviation]:
    """Every deviation of a study from a frozen design."""
    old, new = frozen.design, results.design
    assert new is not None
    found = [*_compare_whole(old, new), *_compare_chains(old, new), *_compare_targets(old, new), *_compare_primary(old, new)]
    yield from found
    yield from _compare_keys(old, new, frozenset[Pair]().union(*(one.pairs for one in found)))
    yield from _find_missing(old, results)
    if (code := results.code) is not None and code != frozen.code:
        yield Deviation("code", f"the code was {frozen.code}, now it is {code}", frozenset())


def _compare_whole(old: Design, new: Design) -> Iterator[Deviation]:
    """What concerns every pair."""
    every = _select(old, new)
    if old.question != new.question:
        yield Deviation("question", f"the question was “{old.question}”", every)
    for noun, before, now in (("encoder", old.encoders, new.encoders), ("seed", old.seeds, new.seeds)):
        for text in _describe_changes(noun, map(str, before), map(str, now)):
            yield Deviation(noun, text, every)
    for text in list_differences(old.pretrain, new.pretrain, "pre-training"):
        yield Deviation("recipe", text, every)
    for text in list_differences(old.limits, new.limits, "limits"):
        yield Deviation("limits", text, every)
    for text in _describe_changes("control", old.controls, new.controls):
        yield Deviation("control", text, frozenset())
    for text in _describe_changes("condition", old.conditions, new.conditions):
        yield Deviation("condition", text, frozenset())
    over = [[f"{chain} over {others}" for chain, others in design.compare] for design in (old, new)]
    chains = {chain for chain, _ in {*old.compare} ^ {*new.compare}}
    for text in _describe_changes("comparison", *over):
        yield Deviation("comparison", text, _select(old, new, chains))


def _compare_chains(old: Design, new: Design) -> Iterator[Deviation]:
    for text in _describe_changes("chain", old.chains, new.chains):
        yield Deviation("chain", text, _select(old, new, {*old.chains} ^ {*new.chains}))
    for name in _shared(old.chains, new.chains):
        for text in list_differences(old.chains[name], new.chains[name], "phase"):
            what = "recipe" if "recipe." in text.partition(" ")[0] else "chain"
            yield Deviation(what, f"chain {name}: {text}", _select(old, new, {name}))


def _compare_targets(old: Design, new: Design) -> Iterator[Deviation]:
    for text in _describe_changes("target", old.targets, new.targets):
        yield Deviation("target", text, _select(old, new, targets={*old.targets} ^ {*new.targets}))
    for name in _shared(old.targets, new.targets):
        for what, text in _compare_target(old.targets[name], new.targets[name]):
            yield Deviation(what, f"{name}: {text}", _select(old, new, targets={name}))


def _compare_target(before: TargetDesign, now: TargetDesign) -> Iterator[tuple[str, str]]:
    for text in _describe_changes("language", before.languages, now.languages):
        yield "language", text
    if before.margin != now.margin:
        yield "margin", f"the margin was {before.margin:g}, now it is {now.margin:g} points"
    if before.train != now.train:
        yield "target", f"it was fine-tuned on {before.train}, now on {now.train}"
    if before.split != now.split:
        yield "target", f"it was to be scored on {before.split} data, now on {now.split} data"
    for text in list_differences(before.recipe, now.recipe):
        yield "recipe", text


def _compare_primary(old: Design, new: Design) -> Iterator[Deviation]:
    """Pairs that both designs have, and one does not call primary."""
    both = {(chain, target) for chain in _shared(old.chains, new.chains) for target in _shared(old.targets, new.targets)}
    before, now = ([pair for pair in design.primary if pair in both] for design in (old, new))
    changed = frozenset({*before} ^ {*now})
    for text in _describe_changes("primary pair", _name_pairs(before), _name_pairs(now)):
        yield Deviation("primary", text, changed)


def _compare_keys(old: Design, new: Design, explained: frozenset[Pair]) -> Iterator[Deviation]:
    """Scores that rest on other stages, where nothing else says why: data, encoder, sizes of the world, versions of stages."""
    known = {(one.encoder, one.arm, one.target, one.seed): one.key for one in old.scores}
    stale: Counter[Pair] = Counter()
    for one in new.scores:
        if known.get((one.encoder, one.arm, one.target, one.seed), one.key) != one.key:
            stale[one.arm.partition("~")[0], one.target] += 1
    pairs = {(arm, target): _select(old, new, None if arm == NO_CHAIN else {arm}, {target}) for arm, target in stale}
    rest = [pair for pair in stale if not pairs[pair] <= explained]
    if rest:
        count = fmt.count(sum(stale[pair] for pair in rest), "score")
        named = fmt.listed(_name_pairs(rest), MOST_NAMED)
        text = f"{count} rest on other data, another encoder or another version of a stage than was frozen ({named})"
        yield Deviation("data", text, frozenset[Pair]().union(*(pairs[pair] for pair in rest)))


def _find_missing(old: Design, results: Results) -> Iterator[Deviation]:
    """Scores of the frozen primary pairs that are not there: who stops early must say so."""
    chains, targets = {chain for chain, _ in old.primary} | {NO_CHAIN}, {target for _, target in old.primary}
    asked = [cell for cell in results.cells if not cell.control and cell.chain in chains and cell.target in targets]
    lacking = [cell for cell in asked if not cell.languages]
    if lacking:
        lost = {(cell.chain, cell.target) for cell in lacking}
        pairs = frozenset(pair for pair in old.primary if pair in lost or (NO_CHAIN, pair[1]) in lost)
        yield Deviation("scores", f"{len(lacking)} of the {len(asked)} scores behind primary pairs are missing", pairs)


def _select(
    old: Design, new: Design, chains: Collection[str] | None = None, targets: Collection[str] | None = None
) -> frozenset[Pair]:
    """The pairs of both designs that have one of these chains and one of these targets; None stands for every one."""
    chains = {*old.chains, *new.chains} if chains is None else chains
    targets = {*old.targets, *new.targets} if targets is None else targets
    return frozenset((chain, target) for chain in chains for target in targets if chain != NO_CHAIN)


def _describe_changes(noun: str, before: Iterable[str], now: Iterable[str]) -> Iterator[str]:
    before, now = list(before), list(now)
    for verb, names in (("added", [x for x in now if x not in before]), ("dropped", [x for x in before if x not in now])):
        if names:
            yield f"{noun if len(names) == 1 else noun + 's'} {verb}: {fmt.listed(names, MOST_NAMED)}"


def _shared(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [name for name in old if name in new]


def _name_pairs(pairs: Sequence[Pair]) -> list[str]:
    return [f"{chain} → {target}" for chain, target in pairs]
