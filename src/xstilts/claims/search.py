"""The search for a claim's comparisons: which chains of a study, on which targets, are its treatment and its control.

If one is missing, a note says so; nothing similar takes its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import find_controls, reuses_target_data
from xstilts.analysis.results import Results
from xstilts.analysis.scores import NO_CHAIN
from xstilts.claims import chains
from xstilts.claims.record import Claim, ClaimedComparison
from xstilts.claims.selection import Side, TargetLanguages, choose_best, collect_sides

# treatment -> how to find the chain of each intermediate task, and what is added to the name of the task
FINDERS = {
    "each": (chains.find_alone, ""),
    "text": (chains.find_beside_text, " with text"),
    "translated": (chains.find_translated, " translated"),
}


@dataclass(frozen=True)
class PlannedComparison:
    """A comparison to be made: the sides of each pair of chains, and the targets and languages. `reported` is the gain (0-1) that
    the source reports; `keys` are the score artefacts that it rests on besides those of its sides."""

    name: str
    pairs: tuple[tuple[Side, Side], ...]
    languages: TargetLanguages
    reported: float | None = None
    keys: tuple[str, ...] = ()


class Search:
    """Finds a claim's comparisons among the chains of one encoder, and notes what is missing. `asked` counts the comparisons that
    the claim is about. `absent` are tasks without a chain, `without` are sentences about missing controls, `smaller` says in
    what the runs are less than the claim's population."""

    def __init__(self, claim: Claim, results: Results, encoder: str) -> None:
        self.claim, self.results = claim, results
        self.population = claim.population
        self.arms = collect_sides(results, encoder)
        targets = {info.name for info in results.targets}
        self.languages = {name: self.population.languages_of(name) for name in self.population.targets if name in targets}
        self.found: list[PlannedComparison] = []
        self.ranked: dict[str, Side] = {}
        self.asked = 0
        self.absent: list[str] = []
        self.without: list[str] = []
        self.smaller: list[str] = []
        self.notes: list[str] = []
        if leaks := sum(cell.leak and cell.target in self.languages for cell in results.cells):
            self.notes.append(f"{fmt.count(leaks, 'cell')} chosen on target-language dev data left out (a leak)")

    def run(self) -> None:
        if self.claim.kind == "ranking":
            self._add_ranking()
        for comparison in self.claim.comparisons:
            self._find(comparison)
        tasks = list(dict.fromkeys(self.absent))
        if tasks:
            have = len(self.population.intermediate or tasks) - len(tasks)
            of = len(self.population.intermediate) or len(tasks)
            self.smaller.append(f"{have} of {fmt.count(of, 'intermediate task')} (without {fmt.listed(tasks, 4)})")
        self.smaller += self.without

    def _find_side(self, chain: str | None) -> Side | None:
        return self.arms.get(chain) if chain else None

    def _find(self, comparison: ClaimedComparison) -> None:
        several = {"mean": self._add_mean, "multi": self._add_mixed, "best": self._add_best}
        if add := several.get(comparison.treatment):
            add(comparison)
            return
        find, words = FINDERS.get(comparison.treatment, FINDERS["each"])
        for task in self.population.intermediate if comparison.treatment in FINDERS else [comparison.treatment]:
            self._add_task(task + words, task, find(self.results, task), comparison)

    def _add(
        self,
        name: str,
        pairs: Sequence[tuple[Side, Side]],
        languages: TargetLanguages,
        comparison: ClaimedComparison | None = None,
        keys: tuple[str, ...] = (),
    ) -> None:
        magnitude = comparison.magnitude if comparison else None
        self.found.append(PlannedComparison(name, tuple(pairs), languages, None if magnitude is None else magnitude / 100, keys))

    def _find_control(self, chain: str, task: str, control: str) -> str | None:
        if control == "none":
            return NO_CHAIN
        if control == "alone":
            return chains.find_alone(self.results, task)
        info = next(info for info in self.results.chains if info.name == chain)
        found = find_controls(info, self.results, "placebo" if control == "placebo" else "compute")
        return found[0].name if found else None

    def _add_task(self, name: str, task: str, chain: str | None, comparison: ClaimedComparison) -> None:
        self.asked += 1
        treatment = self._find_side(chain)
        if chain is None or treatment is None:
            self.absent.append(task)
            return
        against = self._find_control(chain, task, comparison.control)
        control = self._find_side(against)
        if control is None:
            self.without.append(f"{chain} has no control “{comparison.control}” with scores")
            return
        languages = self._find_allowed(chain)
        if not languages and self.languages:
            self.asked -= 1
            return
        words = (
            name if comparison.control == "none" else f"{name} over {'it alone' if comparison.control == 'alone' else against}"
        )
        self._add(words, [(treatment, control)], languages, comparison)

    def _find_allowed(self, chain: str) -> TargetLanguages:
        """The targets and languages, without those targets that the claim leaves out for this chain (`own_data`)."""
        info = next(info for info in self.results.chains if info.name == chain)
        targets = [target for target in self.results.targets if target.name in self.languages]
        own = [target.name for target in targets if reuses_target_data(info, target)]
        if self.population.own_data == "left out":
            if own:
                self.notes.append(f"{chain} is left out on {fmt.listed(own)}: it trains on the target's own training data")
            return {name: codes for name, codes in self.languages.items() if name not in own}
        if own:
            self.notes.append(f"{chain} also trains on the own training data of {fmt.listed(own)}")
        return self.languages

    def _find_tasks_alone(self) -> dict[str, Side]:
        """The intermediate tasks of the claim that have a chain of their own with scores."""
        tasks = self.population.intermediate
        found = {task: side for task in tasks if (side := self._find_side(chains.find_alone(self.results, task)))}
        self.absent += [task for task in tasks if task not in found]
        return found

    def _add_mean(self, comparison: ClaimedComparison) -> None:
        self.asked += 1
        pairs = []
        for task, side in self._find_tasks_alone().items():
            against = self._find_control(chains.find_alone(self.results, task) or "", task, comparison.control)
            if control := self._find_side(against):
                pairs.append((side, control))
            else:
                self.without.append(f"the chain of {task} has no control “{comparison.control}” with scores")
        if pairs:
            self._add(f"mean of {fmt.count(len(pairs), 'intermediate task')}", pairs, self.languages, comparison)

    def _add_mixed(self, comparison: ClaimedComparison) -> None:
        self.asked += 1
        found = chains.find_mixed(self.results, self.population.intermediate)
        if found is None:
            self.absent += self.population.intermediate
            return
        name, has, others = found
        against = self._find_control(name, name, comparison.control)
        treatment, control = self._find_side(name), self._find_side(against)
        if treatment and control is None:
            self.without.append(f"{name} has no control “{comparison.control}” with scores")
        if treatment and control:
            self._add(name, [(treatment, control)], self._find_allowed(name), comparison)
            self.absent += [task for task in self.population.intermediate if task not in has]
            if others:
                self.smaller.append(f"{name} also trains on {fmt.listed(others)}")

    def _add_best(self, comparison: ClaimedComparison) -> None:
        self.asked += 1
        arms, none = self._find_tasks_alone(), self._find_side(NO_CHAIN)
        if not arms or none is None:
            return
        side, keys, words = choose_best(arms, none, self.languages, self.results)
        if words:
            self.notes.append(f"chosen on other seeds and languages ({words})")
        else:
            self.notes.append("nothing to choose on: one seed and one language for each target")
        self._add("best for each target", [(side, none)], self.languages, comparison, keys)

    def _add_ranking(self) -> None:
        self.ranked = arms = self._find_tasks_alone()
        for first in (task for task in self.claim.best if task in arms):
            for other in (task for task in arms if task not in self.claim.best):
                self._add(f"{first} over {other}", [(arms[first], arms[other])], self.languages)
        self.asked = len(self.claim.best) * (len(self.population.intermediate) - len(self.claim.best))


def explain_absence(search: Search) -> str:
    """Why the study has no comparison for the claim: a clause."""
    if not search.languages:
        return f"none of its targets ({fmt.listed(search.population.targets, 4)}) is in this study"
    if NO_CHAIN not in search.arms:
        return "there is no scored cell without intermediate training to compare with"
    if search.without:
        return fmt.listed(search.without, 3)
    if search.notes and not search.absent:
        return fmt.listed(search.notes, 3)
    said = dict.fromkeys(comparison.treatment for comparison in search.claim.comparisons)
    what = {
        "multi": "mixes two or more of its intermediate tasks",
        "text": "trains on one of its intermediate tasks with plain text beside it, and on the same task alone",
        "translated": "trains on one of its intermediate tasks translated, and on the same task alone in English",
    }
    alone = f"trains on {fmt.listed(dict.fromkeys(search.absent), 4)} alone"
    return f"no chain with scores {next((what[name] for name in said if name in what), alone)}"
