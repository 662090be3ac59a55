"""The verdict rule: a pure function of a claim and its evidence, the same for every claim of a kind.

    out of scope   a field of the runs' population contradicts the claim's (the reason names it)
    not tested     nothing to measure, fewer seeds than the claim needs, the treatment did not take, or a copy of a data set that
                   is not known to be whole; no number comes from the literature
    comparison,    each gain lies on the claimed side of 0 and not only by chance, or within the least and the greatest gain
    question       claimed; refuted by one that clearly does not (it lies below +rope, or beyond a bound)
    replication    the same of at least k of m comparisons; refuted if more than m - k clearly do not; if it is about each target,
                   in each target. `negated`: the other way round
    reported       the direction holds and the interval lies within the number's tolerance; refuted by one that is clearly
    number         outside it. Direction and magnitude are both reported, since one may be right and the other wrong
    no benefit     every gain is clearly below +rope; refuted by one clearly above it. A loss is no benefit
    no effect      every gain is clearly within ±rope (two one-sided tests); refuted by one clearly beyond it, on either side
    ranking        each of the best is clearly ahead of each of the rest; refuted by one that is clearly behind; else tied
    dataset fact   the count of the copy that was read; refuted by another count of a whole copy, or by more than was claimed

"Clearly" is at 5 % with Holm's correction over the claim's comparisons. A statement about every comparison falls by one
counterexample, whatever else was not run: fewer comparisons make a support one by proxy, never a refutation weaker. Only what may
change the truth itself (another encoder, limits, a mean over fewer tasks or languages) makes a refutation inconclusive. The
chances of ranks are told beside a ranking and decide nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from xstilts.analysis import formatting as fmt
from xstilts.claims.evidence import Evidence, MeasuredGain, Observation
from xstilts.claims.record import Claim, Verdict
from xstilts.claims.selection import Standing
from xstilts.metrics.effects import equivalence
from xstilts.metrics.multiplicity import holm
from xstilts.metrics.power import describe_spread, detectable
from xstilts.metrics.significance import ENOUGH_SEEDS, Interval

DECIDED = ("supported", "refuted", "inconclusive")
ALPHA = 0.05
HELD = {"supported": "as claimed", "refuted": "clearly not", "inconclusive": "cannot be told"}  # of one comparison


@dataclass(frozen=True)
class Finding:
    """What the rule finds. `estimate`, `low` and `high` are those of the comparison that decides: 0-1 for gains; for facts
    `estimate` is a count. `p` is the corrected p value of the verdict, None if it is inconclusive. `shown` counts the comparisons
    for which the claim is shown. `bound`: the effect (0-1) that every comparison could have shown with 80 % power. `reason` is
    one sentence; `details` has a line for each comparison or entry."""

    verdict: Verdict
    reason: str
    proxy: bool = False
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    details: tuple[str, ...] = ()
    p: float | None = None
    shown: int | None = None
    bound: float | None = None


@dataclass(frozen=True)
class Judged:
    """One comparison: whether it is as claimed, and the corrected p values of "it is" and "it is not"."""

    gain: MeasuredGain
    holds: float
    fails: float

    @property
    def verdict(self) -> Verdict:
        return "supported" if self.holds <= ALPHA else "refuted" if self.fails <= ALPHA else "inconclusive"


def judge(claim: Claim, evidence: Evidence) -> Finding:
    """See the module."""
    if evidence.outside:
        return Finding("out of scope", f"Out of scope: {'; '.join(evidence.outside)}.")
    if claim.kind == "hypothesis":
        return Finding("not tested", "Not tested: no run could decide it.")
    if claim.kind == "question" and not claim.about_gains:
        return Finding("not tested", "Not tested: a study of this program has no cell that would answer it.")
    if claim.kind == "dataset_fact":
        return _judge_fact(evidence)
    if not evidence.measured:
        why = "; ".join(evidence.missing) or "nothing could be compared"
        return Finding("not tested", f"Not tested: {why}.")
    rules: Mapping[str, Callable[[Claim, Evidence], Finding]] = {
        "reported_number": _judge_reported,
        "no_benefit": _judge_no_benefit,
        "no_effect": _judge_no_effect,
        "replication": _judge_replication,
        "ranking": _judge_ranking,
    }
    found = rules.get(claim.kind, _judge_comparison)(claim, evidence)
    found = replace(found, bound=find_visible_effect([one.interval for one in evidence.measured]))
    if evidence.standing:
        chances = describe_standing(evidence.standing)
        found = replace(found, reason=f"{found.reason} {chances}", details=(*found.details, chances))
    if evidence.seeds < claim.population.min_seeds:
        seeds = f"Not tested: {fmt.count(evidence.seeds, 'seed')}, and the claim needs {claim.population.min_seeds}"
        words = f"{seeds}; what was measured stands here without a verdict."
        details = tuple(map(describe_gain, evidence.measured))
        return replace(found, verdict="not tested", reason=words, details=details, p=None, shown=None)
    return _mark_proxy(claim, found, evidence)


def _mark_proxy(claim: Claim, found: Finding, evidence: Evidence) -> Finding:
    fewer = list(evidence.fewer)
    if not fewer and len(evidence.measured) < evidence.asked:
        fewer = [f"{len(evidence.measured)} of {evidence.asked} comparisons could be made"]
    counterexample = found.verdict == ("supported" if claim.negated else "refuted")
    less = [*evidence.differs, *([] if counterexample else fewer)]
    tail = ""
    if less and found.verdict == "refuted":
        tail = f" In a study of the claim's own population this would refute it; this is no such study: {'; '.join(less)}."
        found = replace(found, verdict="inconclusive")
    elif less:
        tail = f" By proxy only: {'; '.join(less)}."
    elif fewer:
        tail = f" One counterexample is enough, so it does not matter what was not run: {'; '.join(fewer)}."
    if evidence.seeds < ENOUGH_SEEDS:
        tail += f" With {fmt.count(evidence.seeds, 'seed')} this is exploratory."
    return replace(found, proxy=bool(less), reason=found.reason + tail)


# -- gains --------------------------------------------------------------------------------------------------------------


def describe_gain(one: MeasuredGain) -> str:
    """squad_v1 +2.1 [0.3, 3.9]"""
    return f"{one.name} {fmt.points(one.interval.estimate)} {fmt.bracket(one.interval.low, one.interval.high)}"


def find_visible_effect(intervals: Sequence[Interval]) -> float:
    """The true gain (0-1; at most 1) that the widest of these intervals shows with a chance of 80 %, at the first step of Holm's
    correction over them."""
    widest = max(intervals, key=lambda one: one.spread.standard_error if one.spread else 0.0)
    return min(1.0, detectable(describe_spread(widest.spread, widest.seeds), len(intervals))) if widest.spread else 0.0


def _above(one: MeasuredGain, null: float) -> float:
    """The one-sided p of "the true gain is above `null`"."""
    return one.interval.tail_above(null)


def _below(one: MeasuredGain, null: float) -> float:
    """The one-sided p of "the true gain is below `null`", never 0."""
    return max(1 - one.interval.tail_above(null), 1e-12)


def _combine(verdicts: Sequence[Verdict]) -> Verdict:
    if "refuted" in verdicts:
        return "refuted"
    return "supported" if set(verdicts) == {"supported"} else "inconclusive"


def _judge_each(claim: Claim, measured: Sequence[MeasuredGain]) -> list[Judged]:
    """Each gain against its claimed sign, or the least and greatest gain claimed."""
    if claim.at_least is not None or claim.at_most is not None:
        # without one of the bounds nothing can fail by it
        least = (claim.at_least or 0) / 100
        most = None if claim.at_most is None else claim.at_most / 100
        above, short = holm([_above(one, least) for one in measured]), holm([_below(one, least) for one in measured])
        under = holm([_below(one, most) for one in measured]) if most is not None else [0.0] * len(measured)
        beyond = holm([_above(one, most) for one in measured]) if most is not None else [1.0] * len(measured)
        rows = zip(measured, above, under, short, beyond, strict=True)
        return [Judged(one, max(a, u), min(s, b)) for one, a, u, s, b in rows]
    sign, rope = (-1 if claim.direction == "-" else 1), claim.rope / 100
    raw = [min(1.0, 2 * min(_above(one, 0.0), _below(one, 0.0))) for one in measured]
    small = holm([_below(one, rope) if sign > 0 else _above(one, -rope) for one in measured])
    found = []
    for one, p, p_holm, p_small in zip(measured, raw, holm(raw), small, strict=True):
        right = sign * one.interval.estimate > 0
        # what only the correction keeps from being shown is not refuted for being small
        found.append(Judged(one, p_holm if right else 1.0, 1.0 if right and p <= ALPHA else p_small))
    return found


def _make_finding(verdict: Verdict, one: Judged, reason: str, judged: Sequence[Judged], details: Sequence[str] = ()) -> Finding:
    """`one` is the comparison that decides."""
    interval = one.gain.interval
    return Finding(
        verdict,
        f"{reason[:1].upper()}{reason[1:]}: {describe_gain(one.gain)}.",
        False,
        interval.estimate,
        interval.low,
        interval.high,
        tuple(details or [f"{describe_gain(each.gain)}: {HELD[each.verdict]}" for each in judged]),
        p={"supported": one.holds, "refuted": one.fails}.get(verdict),
        shown=sum(each.verdict == "supported" for each in judged),
    )


def _find_deciding(verdict: Verdict, judged: Sequence[Judged]) -> Judged:
    """The clearest counterexample; else the comparison that is least sure to be as claimed."""
    if verdict == "refuted":
        return min(judged, key=lambda one: one.fails)
    return max(judged, key=lambda one: one.holds)


def _judge_comparison(claim: Claim, evidence: Evidence) -> Finding:
    judged = _judge_each(claim, evidence.measured)
    verdict = _combine([one.verdict for one in judged])
    several = f" in each of {len(judged)} comparisons; the least sure" if len(judged) > 1 else ""
    said = _describe_claimed(claim)
    one = _find_deciding(verdict, judged)
    small = claim.at_least is None and claim.at_most is None and one.gain.interval.low <= 0 <= one.gain.interval.high
    meaning = {
        "supported": f"the gain is {said}{several}",
        "refuted": f"too small to matter (clearly not {said} by {claim.rope:g} or more)" if small else f"clearly not {said}",
        "inconclusive": f"whether the gain is {said} cannot be told",
    }
    return _make_finding(verdict, one, meaning[verdict], judged)


def _describe_claimed(claim: Claim) -> str:
    if claim.at_least is not None or claim.at_most is not None:
        bounds = [f"at least {claim.at_least:g}"] if claim.at_least is not None else []
        bounds += [f"at most {claim.at_most:g}"] if claim.at_most is not None else []
        return f"{' and '.join(bounds)} points"
    return "below 0" if claim.direction == "-" else "above 0"


def _judge_replication(claim: Claim, evidence: Evidence) -> Finding:
    """At least k of the m comparisons that the claim is about, in each target that it is about. Of those that were measured, the
    same share is enough to support it; more than m - k failures are needed to refute it."""
    judged = _judge_each(claim, evidence.measured)
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(one.gain.target if "task" in claim.each else "", []).append(one)
    asked = evidence.asked // (len(claim.population.targets) if set(claim.each) == {"task", "target"} else 1)
    allowed = asked - math.ceil(claim.share * asked - 1e-9)
    verdicts: dict[str, Verdict] = {}
    words = []
    for target, own in groups.items():
        shown, failed = (sum(one.verdict == wanted for one in own) for wanted in ("supported", "refuted"))
        needed = math.ceil(claim.share * len(own) - 1e-9)
        verdicts[target] = "refuted" if failed > allowed else "supported" if shown >= needed else "inconclusive"
        where = f" on {target}" if target else ""
        words.append(
            f"shown in {f'at least {shown}' if shown else 'none'} of {len(own)}{where}, clearly not in {failed or 'any'} "
            f"({needed} needed{f', at most {allowed} failures' if allowed else ''})"
        )
    verdict = _combine(list(verdicts.values()))
    deciding = [
        one for target, own in groups.items() if verdicts[target] == verdict for one in _rank(own, verdict, claim, allowed)
    ]
    one = deciding[0] if deciding else judged[0]
    deciding_words = "the last counterexample that it takes" if verdict == "refuted" else "the least sure that counts"
    reason = f"that the gain is {_describe_claimed(claim)} is {'; '.join(words)}; {deciding_words}"
    found = _make_finding(verdict, one, reason, judged)
    if claim.negated:
        turned: dict[Verdict, Verdict] = {"supported": "refuted", "refuted": "supported"}
        found = replace(found, verdict=turned.get(verdict, verdict))
    return found


def _rank(own: Sequence[Judged], verdict: Verdict, claim: Claim, allowed: int) -> list[Judged]:
    """The comparisons of one target, without those that would not have been enough; so the first decides."""
    if verdict == "refuted":
        return sorted(own, key=lambda one: one.fails)[allowed:]
    needed = math.ceil(claim.share * len(own) - 1e-9)
    return sorted(own, key=lambda one: one.holds)[needed - 1 :]


def _judge_reported(claim: Claim, evidence: Evidence) -> Finding:
    """The interval of 95 % lies within the tolerance, or the gain is clearly outside (Holm)."""
    measured, tolerance = evidence.measured, claim.tolerance / 100
    directions = _judge_each(claim, measured)
    ranges = [(one.reported - tolerance, one.reported + tolerance) for one in measured if one.reported is not None]
    outside = holm(
        [min(1.0, 2 * min(_below(one, low), _above(one, high))) for one, (low, high) in zip(measured, ranges, strict=True)]
    )
    judged, details = [], []
    for one, (low, high), beyond, direction in zip(measured, ranges, outside, directions, strict=True):
        inside = min(1.0, 2 * max(_above(one, low), _below(one, high)))
        judged.append(Judged(one, max(inside, direction.holds), beyond))
        size = "within" if inside <= ALPHA else "outside" if beyond <= ALPHA else "neither within nor outside"
        details.append(f"{describe_gain(one)} against {_describe_reported(claim, one)}: direction {direction.verdict}, {size}")
    verdict = _combine([one.verdict for one in judged])
    deciding = _find_deciding(verdict, judged)
    direction_found = directions[judged.index(deciding)].verdict
    meaning = {
        "supported": "within the tolerance",
        "refuted": f"outside the tolerance (its direction is {direction_found})",
        "inconclusive": f"the interval lies neither within the tolerance nor outside it (its direction is {direction_found})",
    }
    reason = f"{_describe_reported(claim, deciding.gain)} reported, {meaning[verdict]}"
    return _make_finding(verdict, deciding, reason, judged, details)


def _describe_reported(claim: Claim, one: MeasuredGain) -> str:
    return f"{fmt.points(one.reported)} ± {claim.tolerance:g}"


def _judge_no_benefit(claim: Claim, evidence: Evidence) -> Finding:
    measured, rope = evidence.measured, claim.rope / 100
    fails = holm([_above(one, rope) for one in measured])
    # every comparison must pass, so each does at 5 %
    judged = [Judged(one, _below(one, rope), p) for one, p in zip(measured, fails, strict=True)]
    verdict = _combine([one.verdict for one in judged])
    several = f" in each of {len(judged)} comparisons; the least sure" if len(judged) > 1 else ""
    meaning = {
        "supported": f"no benefit of {_points(claim.rope)}{several}",
        "refuted": f"a benefit above {_points(claim.rope)}",
        "inconclusive": f"whether there is a benefit above {_points(claim.rope)} cannot be told",
    }
    return _make_finding(verdict, _find_deciding(verdict, judged), meaning[verdict], judged)


def _judge_no_effect(claim: Claim, evidence: Evidence) -> Finding:
    measured, rope = evidence.measured, claim.rope / 100
    beyond = holm([min(1.0, 2 * min(_above(one, rope), _below(one, -rope))) for one in measured])
    judged = [Judged(one, equivalence(one.interval, rope), p) for one, p in zip(measured, beyond, strict=True)]
    verdict = _combine([one.verdict for one in judged])
    several = f" in each of {len(judged)} comparisons; the least sure" if len(judged) > 1 else ""
    meaning = {
        "supported": f"equivalent to no effect within ±{_points(claim.rope)}{several}",
        "refuted": f"an effect beyond ±{_points(claim.rope)}",
        "inconclusive": f"neither an effect nor its absence within ±{_points(claim.rope)} can be told",
    }
    return _make_finding(verdict, _find_deciding(verdict, judged), meaning[verdict], judged)


def _points(number: float) -> str:
    return f"{number:g} {'point' if number == 1 else 'points'}"


def _judge_ranking(claim: Claim, evidence: Evidence) -> Finding:
    measured = evidence.measured
    p_values = holm([min(1.0, 2 * min(_above(one, 0.0), _below(one, 0.0))) for one in measured])
    ahead = [one.interval.estimate > 0 for one in measured]
    judged = [Judged(g, p if up else 1.0, 1.0 if up else p) for g, p, up in zip(measured, p_values, ahead, strict=True)]
    verdict = _combine([one.verdict for one in judged])
    meaning = {
        "supported": "each of the best is ahead of each other one; the least sure",
        "refuted": "one that is not among the best is ahead of one that is",
        "inconclusive": "tied: which of the two is ahead cannot be told",
    }
    return _make_finding(verdict, _find_deciding(verdict, judged), meaning[verdict], judged)


def describe_standing(one: Standing) -> str:
    """P(rank ≤ 3 of 8): mnli 0.97, squad_v1 0.99; together the best: 0.93."""
    each = ", ".join(f"{name} {fmt.chance(chance)}" for name, chance in one.within)
    together = f"; together the best: {fmt.chance(one.best_set)}" if len(one.within) > 1 else ""
    return f"P(rank ≤ {one.rank} of {one.chains}): {each}{together}."


# -- facts --------------------------------------------------------------------------------------------------------------


def _judge_fact(evidence: Evidence) -> Finding:
    """A part of a copy says nothing, so one entry that is not known leaves the claim untested, unless another refutes it."""
    verdicts = [_judge_count(one) for one in evidence.observed]
    details = tuple(f"{_describe_count(one)}: {found}" for one, found in zip(evidence.observed, verdicts, strict=True))
    unknown = [one for one, found in zip(evidence.observed, verdicts, strict=True) if found == "not tested"]
    wrong = [one for one, found in zip(evidence.observed, verdicts, strict=True) if found == "refuted"]
    if not wrong and (unknown or evidence.missing or not evidence.observed):
        why = [f"{_describe_count(one)}; this copy is not known to be whole" for one in unknown]
        return Finding("not tested", f"Not tested: {'; '.join([*why, *evidence.missing])}.", details=details)
    shown = wrong or evidence.observed
    words = fmt.listed(_describe_count(one) for one in shown)
    estimate = float(sum(one.found for one in shown))
    return Finding("refuted" if wrong else "supported", f"Found {words}.", False, estimate, details=details)


def _judge_count(one: Observation) -> Verdict:
    if one.found == one.expected:
        return "supported"
    return "refuted" if one.whole or one.found > one.expected else "not tested"


def _describe_count(one: Observation) -> str:
    words = f"{one.name}: {one.found:,}" + (f" ({one.note})" if one.note else "")
    return words if one.found == one.expected else f"{words} where {one.expected:,} was expected"
