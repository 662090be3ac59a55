"""The verdict rule: a pure function of a claim and its evidence, the same for every claim of a kind.

    out of scope   a field of the runs' population contradicts the claim's (the reason names it)
    not tested     nothing to measure, or fewer seeds than the claim needs; no number comes from the literature
    comparison     supported if the gain lies on the claimed side of 0 (or above the least gain claimed), refuted if it lies on
                   the other side or is too small to matter; p values have Holm's correction over the claim's comparisons
    reported       supported if its direction is supported and the interval lies within the number's tolerance, refuted if
    number         the two are disjoint; direction and magnitude are both reported, since one may be right and the other wrong
    null           supported only by equivalence: every comparison within the margin (two one-sided tests)
    universal      supported if the count of replications reaches every comparison, refuted by one that is clearly opposite
    ranking        supported if each of the best is no worse than each of the rest by more than the margin, by the interval of
                   each difference; the chances of ranks are given beside it
    fact           equality with what the stages recorded

Runs that are only less of what the claim is about (another encoder, limits, fewer targets) can support a claim by proxy. They
cannot refute it: a refutation becomes "inconclusive (proxy)". A claim about several comparisons is supported by all of them
and refuted by one.

For a ranking the intervals decide; the chances of ranks only describe. The chance that all comparisons hold is smaller than that
of the least sure one, so a rule of "at least 95 %" for all would support fewer rankings, and the intervals alone already
err in at most 5 % of cases.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from xstilts.analysis import formatting as fmt
from xstilts.claims.evidence import Evidence, MeasuredGain, Observation
from xstilts.claims.record import FACTS, Claim
from xstilts.claims.selection import Standing
from xstilts.metrics.effects import equivalence
from xstilts.metrics.multiplicity import holm

Verdict = Literal["supported", "refuted", "inconclusive", "not tested", "out of scope", "rejected"]
DECIDED = ("supported", "refuted", "inconclusive")
ALPHA = 0.05
ENOUGH_SEEDS = 6


@dataclass(frozen=True)
class Finding:
    """What the rule finds. `estimate`, `low` and `high` are those of the comparison that decides: 0-1 for gains; for facts
    `estimate` is a count. `reason` is one sentence; `details` has a line for each comparison or entry."""

    verdict: Verdict
    reason: str
    proxy: bool = False
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    details: tuple[str, ...] = ()


def judge(claim: Claim, evidence: Evidence) -> Finding:
    """See the module."""
    if evidence.outside:
        return Finding("out of scope", f"Out of scope: {'; '.join(evidence.outside)}.")
    if claim.kind == "hypothesis":
        return Finding("not tested", "Its source does not say this, and this study has no run that would test it.")
    if claim.kind in FACTS:
        return _mark_proxy(_judge_fact(claim, evidence), evidence)
    if not evidence.measured:
        why = "; ".join(evidence.missing) or "nothing could be compared"
        return Finding("not tested", f"Not tested: {why}.")
    rule = {
        "reported_number": _judge_reported,
        "null": _judge_null,
        "universal": _judge_universal,
        "ranking": _judge_ranking,
    }.get(claim.kind, _judge_comparison)
    found = rule(claim, evidence.measured)
    if evidence.standing:
        chances = describe_standing(evidence.standing, claim)
        found = replace(found, reason=f"{found.reason} {chances}", details=(*found.details, chances))
    if evidence.seeds < claim.population.min_seeds:
        seeds = f"Not tested: {fmt.count(evidence.seeds, 'seed')}, and the claim needs {claim.population.min_seeds}"
        words = f"{seeds}; what was measured stands here without a verdict."
        return replace(found, verdict="not tested", reason=words, details=tuple(map(describe_gain, evidence.measured)))
    return _mark_proxy(found, evidence)


def _mark_proxy(found: Finding, evidence: Evidence) -> Finding:
    if found.verdict not in DECIDED:
        return found
    less = list(evidence.smaller)
    known = len(evidence.measured) + len(evidence.observed)
    if not less and known < evidence.asked:
        less = [f"{known} of {evidence.asked} {'entries were found' if evidence.observed else 'comparisons could be made'}"]
    notes = ""
    if evidence.seeds == 1:
        notes = " With 1 seed only examples were drawn anew: other seeds may say otherwise."
    elif 0 < evidence.seeds < ENOUGH_SEEDS:
        notes = f" With {fmt.count(evidence.seeds, 'seed')} this is exploratory."
    if not less:
        return replace(found, reason=found.reason + notes)
    tail = f" By proxy only: {'; '.join(less)}."
    if found.verdict == "refuted":
        tail = f" In a study of the claim's own population this would refute it; this is no such study: {'; '.join(less)}."
        found = replace(found, verdict="inconclusive")
    return replace(found, proxy=True, reason=found.reason + tail + notes)


# -- gains --------------------------------------------------------------------------------------------------------------


def describe_gain(one: MeasuredGain) -> str:
    """squad_v1 +2.1 [0.3, 3.9]"""
    return f"{one.name} {fmt.points(one.interval.estimate)} {fmt.bracket(one.interval.low, one.interval.high)}"


def _below(one: MeasuredGain, null: float) -> float:
    """The one-sided p of "the true gain is below `null`", never 0."""
    return max(1 - one.interval.tail_above(null), 1e-12)


def _two_sided(one: MeasuredGain) -> float:
    return min(1.0, 2 * min(one.interval.tail_above(0.0), _below(one, 0.0)))


def _combine(verdicts: Sequence[Verdict]) -> Verdict:
    if "refuted" in verdicts:
        return "refuted"
    return "supported" if set(verdicts) == {"supported"} else "inconclusive"


def _make_finding(verdict: Verdict, one: MeasuredGain, reason: str, details: Sequence[str]) -> Finding:
    interval, sentence = one.interval, f"{reason[:1].upper()}{reason[1:]}."
    return Finding(verdict, sentence, False, interval.estimate, interval.low, interval.high, tuple(details))


def _find_deciding(verdict: Verdict, verdicts: Sequence[Verdict], measured: Sequence[MeasuredGain]) -> MeasuredGain:
    """The comparison that decides: the first with that verdict."""
    return measured[verdicts.index(verdict) if verdict in verdicts else 0]


def _judge_directions(claim: Claim, measured: Sequence[MeasuredGain]) -> list[Verdict]:
    """Supported, refuted or inconclusive for each: the sign of the gain, or that it is at least so large."""
    rope = claim.rope / 100
    if claim.at_least is not None:
        least = claim.at_least / 100
        above = holm([one.interval.tail_above(least) for one in measured])
        below = holm([_below(one, least) for one in measured])
        return [
            "supported" if a <= ALPHA else "refuted" if b <= ALPHA else "inconclusive" for a, b in zip(above, below, strict=True)
        ]
    sign = -1 if claim.direction == "-" else 1
    raw = [_two_sided(one) for one in measured]
    small = holm([equivalence(one.interval, rope) for one in measured])
    found: list[Verdict] = []
    for one, p, p_holm, p_small in zip(measured, raw, holm(raw), small, strict=True):
        right = sign * one.interval.estimate > 0
        if p_holm <= ALPHA:
            found.append("supported" if right else "refuted")
        else:  # what only the correction keeps from being supported is not refuted for being small
            found.append("refuted" if p_small <= ALPHA and not (right and p <= ALPHA) else "inconclusive")
    return found


def _judge_comparison(claim: Claim, measured: Sequence[MeasuredGain]) -> Finding:
    verdicts = _judge_directions(claim, measured)
    verdict = _combine(verdicts)
    said = f"at least {fmt.points(claim.at_least / 100)} points" if claim.at_least else _describe_sign(claim)
    details = [f"{describe_gain(one)}: {found}" for one, found in zip(measured, verdicts, strict=True)]
    one = _find_deciding(verdict, verdicts, measured)
    if verdict == "supported":
        one = min(measured, key=lambda each: each.interval.estimate * (-1 if claim.direction == "-" else 1))
    small = claim.at_least is None and one.interval.low <= 0 <= one.interval.high
    several = f" in each of {len(measured)} comparisons; the least" if len(measured) > 1 else ""
    meaning = {
        "supported": f"the gain is {said}{several}",
        "refuted": f"too small to matter (within ±{claim.rope:g} points)" if small else f"clearly not {said}",
        "inconclusive": f"whether the gain is {said} cannot be told",
    }
    return _make_finding(verdict, one, f"{meaning[verdict]}: {describe_gain(one)}", details)


def _describe_sign(claim: Claim) -> str:
    return "below 0" if claim.direction == "-" else "above 0"


def _judge_reported(claim: Claim, measured: Sequence[MeasuredGain]) -> Finding:
    directions, tolerance = _judge_directions(claim, measured), claim.tolerance / 100
    verdicts: list[Verdict] = []
    details = []
    for one, direction in zip(measured, directions, strict=True):
        assert one.reported is not None  # the record has a magnitude for every comparison
        low, high = one.reported - tolerance, one.reported + tolerance
        inside = low <= one.interval.low and one.interval.high <= high
        size: Verdict = (
            "supported" if inside else "refuted" if one.interval.high < low or one.interval.low > high else "inconclusive"
        )
        verdicts.append(
            "supported" if inside and direction == "supported" else "refuted" if size == "refuted" else "inconclusive"
        )
        details.append(f"{describe_gain(one)} against {_describe_reported(claim, one)}: direction {direction}, magnitude {size}")
    verdict = _combine(verdicts)
    one = _find_deciding(verdict, verdicts, measured)
    compared = f"{describe_gain(one)} against {_describe_reported(claim, one)} reported"
    direction = directions[[other.name for other in measured].index(one.name)]
    meaning = {
        "supported": f"measured {compared}: within the tolerance",
        "refuted": f"measured {compared}: outside the tolerance (its direction is {direction})",
        "inconclusive": f"measured {compared}: the interval lies neither within the tolerance nor outside it "
        f"(its direction is {direction})",
    }
    return _make_finding(verdict, one, meaning[verdict], details)


def _describe_reported(claim: Claim, one: MeasuredGain) -> str:
    return f"{fmt.points(one.reported)} ± {claim.tolerance:g}"


def _judge_null(claim: Claim, measured: Sequence[MeasuredGain]) -> Finding:
    rope = claim.rope / 100
    equal = [equivalence(one.interval, rope) for one in measured]
    beyond = holm([min(1.0, 2 * min(one.interval.tail_above(rope), _below(one, -rope))) for one in measured])
    verdict: Verdict = "refuted" if min(beyond) <= ALPHA else "supported" if max(equal) <= ALPHA else "inconclusive"
    details = [
        f"{describe_gain(one)}: {'beyond' if b <= ALPHA else 'within' if e <= ALPHA else 'neither in nor beyond'} ±{claim.rope:g}"
        for one, e, b in zip(measured, equal, beyond, strict=True)
    ]
    place = beyond.index(min(beyond)) if verdict == "refuted" else equal.index(max(equal))
    one = measured[place]
    several = f" in each of {len(measured)} comparisons; the least sure" if len(measured) > 1 else ""
    meaning = {
        "supported": f"equivalent to no effect within ±{claim.rope:g} points{several}",
        "refuted": f"an effect beyond ±{claim.rope:g} points",
        "inconclusive": f"neither an effect nor its absence within ±{claim.rope:g} points can be told",
    }
    return _make_finding(verdict, one, f"{meaning[verdict]}: {describe_gain(one)}", details)


def _judge_universal(claim: Claim, measured: Sequence[MeasuredGain]) -> Finding:
    """A denied universal ("not consistently better") needs one comparison whose gain is clearly below the margin."""
    sign, rope = (-1 if claim.direction == "-" else 1), claim.rope / 100
    shown = [one.interval.tail_above(0.0) if sign > 0 else _below(one, 0.0) for one in measured]
    edge = rope if claim.negated else 0.0
    against = holm([_below(one, edge) if sign > 0 else one.interval.tail_above(-edge) for one in measured])
    count = sum(p <= ALPHA for p in holm(shown))
    details = [
        f"{describe_gain(one)}: p {fmt.p_value(p)}{'; clearly not' if b <= ALPHA else ''}"
        for one, p, b in zip(measured, shown, against, strict=True)
    ]
    counter, everywhere = min(against) <= ALPHA, count == len(measured)
    one = measured[against.index(min(against)) if counter else shown.index(max(shown))]
    of = fmt.count(len(measured), "comparison")
    shown_words = f"{_describe_sign(claim)} in {f'at least {count}' if count else 'none'} of {of}"
    if claim.negated:
        verdict: Verdict = "refuted" if everywhere else "supported" if counter else "inconclusive"
        words = (
            f"not consistent, since {describe_gain(one)} is clearly below +{claim.rope:g}"
            if verdict == "supported"
            else (f"the gain is {shown_words}" + ("" if everywhere else f", and none is clearly below +{claim.rope:g}"))
        )
        return _make_finding(verdict, one, words, details)
    verdict = "refuted" if counter else "supported" if everywhere else "inconclusive"
    words = f"clearly opposite: {describe_gain(one)}" if counter else f"{shown_words}; the least: {describe_gain(one)}"
    return _make_finding(verdict, one, words, details)


def _judge_ranking(claim: Claim, measured: Sequence[MeasuredGain]) -> Finding:
    rope = claim.rope / 100
    no_worse = [one.interval.tail_above(-rope) for one in measured]
    worse = holm([_below(one, -rope) for one in measured])
    verdict: Verdict = "refuted" if min(worse) <= ALPHA else "supported" if max(no_worse) <= ALPHA else "inconclusive"
    details = [describe_gain(one) for one in measured]
    one = measured[worse.index(min(worse)) if verdict == "refuted" else no_worse.index(max(no_worse))]
    meaning = {
        "supported": f"none of the best is behind any other by more than {_margin(claim)}; the least sure",
        "refuted": f"one of the best is behind by more than {_margin(claim)}",
        "inconclusive": f"whether one of the best is behind by more than {_margin(claim)} cannot be told",
    }
    return _make_finding(verdict, one, f"{meaning[verdict]}: {describe_gain(one)}", details)


def describe_standing(one: Standing, claim: Claim) -> str:
    """P(rank ≤ 3 of 8): mnli 0.97, squad_v1 0.99; together the best: 0.93 (gaps up to 1 point are ties)."""
    each = ", ".join(f"{name} {fmt.chance(chance)}" for name, chance in one.within)
    together = f"; together the best: {fmt.chance(one.best_set)}" if len(one.within) > 1 else ""
    return f"P(rank ≤ {one.rank} of {one.chains}): {each}{together} (gaps up to {_margin(claim)} are ties)."


def _margin(claim: Claim) -> str:
    return f"{claim.rope:g} {'point' if claim.rope == 1 else 'points'}"


# -- facts --------------------------------------------------------------------------------------------------------------


def _judge_fact(claim: Claim, evidence: Evidence) -> Finding:
    if not evidence.observed:
        return Finding("not tested", f"Not tested: {'; '.join(evidence.missing) or 'nothing was observed'}.")
    verdicts = [_judge_entry(claim, one, evidence) for one in evidence.observed]
    details = tuple(f"{_describe_entry(one)}: {found}" for one, found in zip(evidence.observed, verdicts, strict=True))
    known = [one for one, found in zip(evidence.observed, verdicts, strict=True) if found != "not tested"]
    counts = [float(one.found) for one in known if isinstance(one.found, int)]
    estimate = sum(counts) if counts else None
    if not known:
        words = fmt.listed(_describe_entry(one) for one in evidence.observed)
        why = "the copies that were read are not known to be whole, so they say nothing about the official data"
        return Finding("not tested", f"Not tested: {words}; {why}.", details=details)
    verdict = _combine([found for found in verdicts if found != "not tested"])
    shown = [one for one, found in zip(evidence.observed, verdicts, strict=True) if found == verdict]
    words = fmt.listed(_describe_entry(one) for one in shown)
    lacking = len(verdicts) - len(known) if len(known) < len(verdicts) else 0
    tail = f"; {fmt.count(lacking, 'copy', 'copies')} not known to be whole left out" if lacking else ""
    return Finding(verdict, f"Found {words}{tail}.", bool(lacking), estimate, details=details)


def _judge_entry(claim: Claim, one: Observation, evidence: Evidence) -> Verdict:
    if one.found == one.expected:
        return "supported"
    if claim.kind == "dataset_fact":
        return "refuted" if one.found == one.official else "not tested"
    return "inconclusive" if evidence.smaller else "refuted"


def _describe_entry(one: Observation) -> str:
    found, expected = (f"{value:,}" if isinstance(value, int) else str(value) for value in (one.found, one.expected))
    words = f"{one.name}: {found}" + (f" ({one.note})" if one.note else "")
    return words if found == expected else f"{words} where {expected} was expected"
