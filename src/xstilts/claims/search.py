"""The search for a claim's comparisons: which chains of a study, on which targets, are its treatment and its control.

If one is missing, a note says so; nothing similar takes its place. A claim speaks of each task or target by itself, or of their
mean (`Claim.each`). What a study lacks is noted in one of two lists. `fewer`: comparisons that the claim is also about and that
could not be made; a counterexample among the others stands without them. `differs`: something that may change what is true of
those that were made, such as a mean over fewer tasks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import find_controls, reuses_target_data
from xstilts.analysis.results import Results
from xstilts.analysis.scores import NO_CHAIN
from xstilts.analysis.treatments import has_taken
from xstilts.claims import chains
from xstilts.claims.record import TREATMENTS, Claim, ClaimedComparison
from xstilts.claims.selection import Side, TargetLanguages, choose_best, collect_sides

# treatment -> how to find the chain of each intermediate task, and what is added to the name of the task
FINDERS = {
    "alone": (chains.find_alone, ""),
    "text": (chains.find_beside_text, " with text"),
    "translated": (chains.find_translated, " translated"),
}


@dataclass(frozen=True)
class PlannedComparison:
    """A comparison to be made: the sides of each pair of chains, and the targets and languages. `reported` is the gain (0-1) that
    the source reports; `keys` are the score artefacts that it rests on besides those of its sides; `target` is the one that it
    is about, "" if it is a mean over targets."""

    name: str
    pairs: tuple[tuple[Side, Side], ...]
    languages: TargetLanguages
    reported: float | None = None
    keys: tuple[str, ...] = ()
    target: str = ""


class Search:
    """Finds a claim's comparisons among the chains of one encoder, and notes what is missing. `asked` counts the comparisons that
    the claim is about. `absent` are tasks without a chain, `untaken` the chains of the claim that did not learn their task,
    `without` says in clauses why a chain could not be compared. For `fewer` and `differs` see the module."""

    def __init__(self, claim: Claim, results: Results, encoder: str) -> None:
        self.claim, self.results, self.encoder = claim, results, encoder
        self.population = claim.population
        self.arms = collect_sides(results, encoder)
        targets = {info.name for info in results.targets}
        self.languages = {name: self.population.languages_of(name) for name in self.population.targets if name in targets}
        self.found: list[PlannedComparison] = []
        self.ranked: dict[str, Side] = {}
        self.asked = 0
        self.absent: list[str] = []
        self.untaken: list[str] = []
        self.without: list[str] = []
        self.differs: list[str] = []
        self.fewer: list[str] = []
        self.notes: list[str] = []
        if leaks := sum(cell.leak and cell.target in self.languages for cell in results.cells):
            self.notes.append(f"{fmt.count(leaks, 'cell')} chosen on target-language dev data left out (a leak)")

    def run(self) -> None:
        if self.claim.kind == "ranking":
            self._add_ranking()
        for comparison in self.claim.comparisons:
            self._find(comparison)
        named = all(comparison.treatment not in TREATMENTS for comparison in self.claim.comparisons)
        lacking = self.fewer if named or "task" in self.claim.each else self.differs
        if tasks := list(dict.fromkeys(self.absent)):
            listed = self.population.intermediate
            of = len(listed) if listed and set(tasks) <= set(listed) else len(self.claim.comparisons)
            lacking.append(f"{of - len(tasks)} of {fmt.count(of, 'intermediate task')} (without {fmt.listed(tasks, 4)})")
        lacking += dict.fromkeys(self.without)

    def _find_side(self, chain: str | None) -> Side | None:
        """The cells of a chain that learned its intermediate task, as far as the study knows."""
        if not chain or chain not in self.arms:
            return None
        if has_taken(self.results, self.encoder, chain) is False:
            if chain not in self.untaken:
                self.untaken.append(chain)
                self.without.append(f"the treatment did not take: {chain} did not learn its intermediate task")
            return None
        return self.arms[chain]

    def _find(self, comparison: ClaimedComparison) -> None:
        several = {"multi": self._add_mixed, "best": self._add_best}
        if add := several.get(comparison.treatment):
            add(comparison)
        elif comparison.treatment not in FINDERS:
            self._ask(1)
            self._add_pair(comparison.treatment, "alone", comparison)
        elif "task" in self.claim.each:
            self._ask(len(self.population.intermediate))
            for task in self.population.intermediate:
                self._add_pair(task, comparison.treatment, comparison)
        else:
            self._add_mean(comparison)

    def _ask(self, comparisons: int) -> None:
        self.asked += comparisons * (len(self.population.targets) if "target" in self.claim.each else 1)

    def _add(
        self,
        name: str,
        pairs: Sequence[tuple[Side, Side]],
        languages: TargetLanguages,
        comparison: ClaimedComparison | None = None,
        keys: tuple[str, ...] = (),
    ) -> None:
        magnitude = comparison.magnitude if comparison else None
        reported = None if magnitude is None else magnitude / 100
        if "target" not in self.claim.each:
            self.found.append(PlannedComparison(name, tuple(pairs), languages, reported, keys))
            return
        for target, codes in languages.items():
            one = PlannedComparison(f"{name} on {target}", tuple(pairs), {target: codes}, reported, keys, target)
            self.found.append(one)

    def _find_control(self, chain: str, task: str, control: str) -> str | None:
        if control == "none":
            return NO_CHAIN
        if control == "alone":
            return chains.find_alone(self.results, task)
        info = next(info for info in self.results.chains if info.name == chain)
        found = find_controls(info, self.results, "placebo" if control == "placebo" else "compute")
        return found[0].name if found else None

    def _find_pair(self, task: str, treatment: str, control: str) -> tuple[str, Side, str, Side] | None:
        """The chain of a task, its control, and the cells of both. What is missing is noted."""
        chain = FINDERS[treatment][0](self.results, task)
        treated = self._find_side(chain)
        if chain is None or treated is None:
            self.absent += [task] if chain not in self.untaken else []
            return None
        against = self._find_control(chain, task, control)
        controlled = self._find_side(against)
        if against is None or controlled is None:
            if against not in self.untaken:
                self.without.append(f"{chain} has no control “{control}” with scores")
            return None
        return chain, treated, against, controlled

    def _add_pair(self, task: str, treatment: str, comparison: ClaimedComparison) -> None:
        found = self._find_pair(task, treatment, comparison.control)
        if found is None:
            return
        chain, treated, against, controlled = found
        languages = self._find_allowed(chain)
        excluded = len(self.languages) - len(languages)
        self.asked -= excluded if "target" in self.claim.each else int(bool(self.languages) and not languages)
        if not languages:
            return
        over = {"none": "", "alone": " over it alone"}.get(comparison.control, f" over {against}")
        self._add(task + FINDERS[treatment][1] + over, [(treated, controlled)], languages, comparison)

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
        found = {}
        for task in self.population.intermediate:
            chain = chains.find_alone(self.results, task)
            if side := self._find_side(chain):
                found[task] = side
            elif chain not in self.untaken:
                self.absent.append(task)
        return found

    def _add_mean(self, comparison: ClaimedComparison) -> None:
        """The mean over the intermediate tasks."""
        self._ask(1)
        pairs = []
        for task in self.population.intermediate:
            if found := self._find_pair(task, comparison.treatment, comparison.control):
                self._find_allowed(found[0])
                pairs.append((found[1], found[3]))
        if pairs:
            over = {"none": "", "alone": " over each alone"}.get(comparison.control, f" over {comparison.control}")
            words = f"mean of {fmt.count(len(pairs), 'intermediate task')}{FINDERS[comparison.treatment][1]}{over}"
            self._add(words, pairs, self.languages, comparison)

    def _find_mixed(self) -> tuple[str, Side] | None:
        """The mixture of the claim's tasks. What it lacks, and what else it trains on, changes what is compared."""
        found = chains.find_mixed(self.results, self.population.intermediate)
        side = self._find_side(found[0]) if found else None
        if found is None or side is None:
            return None
        name, has, others = found
        if lacking := [task for task in self.population.intermediate if task not in has]:
            of = fmt.count(len(self.population.intermediate), "intermediate task")
            self.differs.append(f"{name} has {len(has)} of {of} (without {fmt.listed(lacking, 4)})")
        if others:
            self.differs.append(f"{name} also trains on {fmt.listed(others)}")
        return name, side

    def _add_mixed(self, comparison: ClaimedComparison) -> None:
        self._ask(1)
        found = self._find_mixed()
        if found is None:
            self.absent += self.population.intermediate
            return
        name, treated = found
        if comparison.control == "alone":
            sides: Iterable[Side] = self._find_tasks_alone().values()
            over = f"{name} over the mean of its tasks alone"
        else:
            against = self._find_control(name, name, comparison.control)
            sides = [side] if (side := self._find_side(against)) else []
            over = name if comparison.control == "none" else f"{name} over {against}"
        if pairs := [(treated, side) for side in sides]:
            self._add(over, pairs, self._find_allowed(name), comparison)
        else:
            self.without.append(f"{name} has no control “{comparison.control}” with scores")

    def _add_best(self, comparison: ClaimedComparison) -> None:
        self._ask(1)
        arms, none = self._find_tasks_alone(), self._find_side(NO_CHAIN)
        if not arms or none is None:
            return
        side, keys, words = choose_best(arms, none, self.languages, self.results)
        if words:
            self.notes.append(f"chosen on other data than it is scored on ({words})")
        else:
            self.notes.append("nothing to choose on: one seed and one language for each target")
        self._add("best for each target", [(side, none)], self.languages, comparison, keys)

    def _add_ranking(self) -> None:
        self.ranked = self._find_tasks_alone()
        among = [*self.population.intermediate]
        if "multi" in self.claim.best:
            among.append("multi")
            if mixed := self._find_mixed():
                self.ranked["multi"] = mixed[1]
            else:
                self.without.append("no chain with scores mixes two or more of its intermediate tasks")
        for first in (name for name in self.claim.best if name in self.ranked):
            for other in (name for name in self.ranked if name not in self.claim.best):
                self._add(f"{first} over {other}", [(self.ranked[first], self.ranked[other])], self.languages)
        self.asked = len(self.claim.best) * (len(among) - len(self.claim.best))


def explain_absence(search: Search) -> str:
    """Why the study has no comparison for the claim: a clause."""
    if not search.languages:
        return f"none of its targets ({fmt.listed(search.population.targets, 4)}) is in this study"
    if NO_CHAIN not in search.arms:
        return "there is no scored cell without intermediate training to compare with"
    if search.without:
        return fmt.listed(dict.fromkeys(search.without), 3)
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
