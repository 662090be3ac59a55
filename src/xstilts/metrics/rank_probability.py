"""The chance of a rank: how often a chain is among the best when seeds and examples are drawn anew for all chains at once.

The gap between two chains is known far better than either score, since they share examples and, seed by seed, the luck of a
run. So ranks are taken within one joint draw: one draw of ids (`paired.measure`) and one of seeds, the same for every chain.
Surprising: seeds are not drawn with replacement, because with few seeds the draws would be too alike (`significance.py`). Their
part is a multivariate t with S - 1 degrees of freedom, so that two chains change places about as often as the one-sided p of
their difference says. With one seed only examples vary. Equal chains share the ranks that they hold together: each of two equal
ones is the best with a chance of one half.

Legend: K chains, S seeds, W joint draws.
"""

import math
from collections.abc import Sequence

import numpy as np

from xstilts.metrics.bootstrap import Headline
from xstilts.metrics.metric import Values
from xstilts.metrics.paired import LanguageTallies, PairedRuns, PairedTallies, measure

JOINT_DRAWS = 10_000
EQUAL = 1e-8  # scores (0-1) that differ by less differ by rounding alone


def draw_joint_scores(
    chains: Sequence[Sequence[LanguageTallies]], headline: Headline, *, resamples: int = 1000, draws: int = JOINT_DRAWS
) -> Values:
    """The scores (W, K) of each chain, mean over its languages and seeds, in `draws` joint draws. Seeds are paired by
    position."""
    tallies = PairedTallies(headline, "points")
    arms = [PairedRuns(tallies, cells, None) for cells in chains]
    seeds = len(arms[0].runs)
    if any(len(arm.runs) != seeds for arm in arms):
        raise ValueError(f"expected as many seeds of each chain, found {[len(arm.runs) for arm in arms]}")
    measured = measure(tallies, arms, resamples, 0)
    points_SK = measured.points_X.reshape(len(arms), seeds).T
    covariance = measured.covariance_XX.reshape(len(arms), seeds, len(arms), seeds)
    within_KK = np.einsum("ksls->kl", covariance)
    examples_KK = within_KK if seeds == 1 else (covariance.sum(axis=(1, 3)) - within_KK) / (seeds * (seeds - 1))
    rng = np.random.default_rng(0)
    found: Values = points_SK.mean(axis=0) + rng.standard_normal((draws, len(arms))) @ _root(examples_KK)
    if seeds > 1:
        deviations_SK = (points_SK - points_SK.mean(axis=0)) / math.sqrt(seeds * (seeds - 1))
        tails_W1 = np.sqrt((seeds - 1) / rng.chisquare(seeds - 1, size=(draws, 1)))
        found += tails_W1 * (rng.standard_normal((draws, seeds)) @ deviations_SK)
    return found


def rank_probabilities(scores_WK: Values, rank: int, *, tie: float = 0.0) -> list[float]:
    """The chance of each chain that fewer than `rank` others are ahead of it by more than `tie`.

    Without a tie, equal chains (to EQUAL) share: each of three equal ones at the top is first in a third of that draw. Within a
    tie all count as first, so that the chances may add up to more than `rank`."""
    ahead_WK = np.stack([(scores_WK > one_W[:, None] + max(tie, EQUAL)).sum(axis=1) for one_W in scores_WK.T], axis=1)
    if tie:
        return [float(share) for share in (ahead_WK < rank).mean(axis=0)]
    level_WK = np.stack([(np.abs(scores_WK - one_W[:, None]) <= EQUAL).sum(axis=1) for one_W in scores_WK.T], axis=1)
    shares_WK = np.clip((rank - ahead_WK) / level_WK, 0.0, 1.0)
    return [float(share) for share in shares_WK.mean(axis=0)]


def best_set_probability(scores_WK: Values, members: Sequence[int], *, tie: float = 0.0) -> float:
    """The share of joint draws in which no other chain is ahead of any of the `members` (columns) by more than `tie`."""
    rest = [k for k in range(scores_WK.shape[1]) if k not in members]
    if not members or not rest:
        raise ValueError(f"expected one or more chains inside the set and outside it, found {len(members)} and {len(rest)}")
    return float((scores_WK[:, rest].max(axis=1) <= scores_WK[:, list(members)].min(axis=1) + tie).mean())


def _root(covariance_KK: Values) -> Values:
    """A symmetric root. An estimate over seeds may have negative eigenvalues, which count as 0."""
    sizes, axes = np.linalg.eigh((covariance_KK + covariance_KK.T) / 2)
    root: Values = (axes * np.sqrt(np.maximum(sizes, 0.0))) @ axes.T
    return root
