"""A study of the size that the page is made for: five chains and a placebo, four targets, five languages, three seeds."""

from __future__ import annotations

from dataclasses import replace

from tests.analysis.fake_results import chain, make_results, stage, target, trained
from xstilts.analysis.results import ChainInfo, Results, Treatment

LANGUAGES = ("en", "de", "sw", "th", "ur")
NLI = chain("nli", "snli")
CHAINS = (
    chain("none"),
    NLI,
    chain("squad", "squad_v1"),
    chain("csqa", "commonsenseqa"),
    chain("multi", "snli", "squad_v1"),
    ChainInfo("nli~placebo", NLI.phases, NLI.tasks, "placebo", "nli"),
)
TARGETS = (
    target("xnli", languages=LANGUAGES, chance=1 / 3, trains_on="snli"),
    target("udpos", languages=LANGUAGES, format="tag"),
    target("tydiqa", languages=LANGUAGES, format="span"),
    target("tatoeba", languages=LANGUAGES, format="embed", chance=1 / 200),
)
GAINS = {"nli": -0.02, "squad": 0.06, "csqa": 0.0, "multi": 0.02, "nli~placebo": 0.03, "none": 0.0}
LEARNED = {"snli": (0.68, 0.34), "squad_v1": (0.55, 0.05), "commonsenseqa": (0.21, 0.2)}


def mine3(languages: tuple[str, ...] = LANGUAGES) -> Results:
    targets = tuple(replace(one, languages=languages) for one in TARGETS)
    skill = {(c.name, t.name): 0.55 + GAINS[c.name] for c in CHAINS for t in targets}
    costs = [trained("mini+squad-s0", "intermediate training"), stage("train", "train-a", used_by=3)]
    results = make_results(chains=CHAINS, targets=targets, skill=skill, layers=4, n=200, costs=costs, study="mine3")
    treatments = (
        Treatment("mini-xlmr", c.name, task, seed, *LEARNED[task], 300)
        for c in CHAINS
        if not c.control
        for task in c.tasks
        for seed in results.seeds
    )
    return replace(results, treatments=tuple(treatments))
