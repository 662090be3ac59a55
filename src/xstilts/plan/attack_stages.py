"""The conditions of a plan: which attacks fit which targets and languages, and the stages that make and score the variants.

The variants of a test set depend on no model, so all arms and seeds share one attack stage. What an attack does not fit is a
note of the plan with the reason. Surprising: the clean predictions are the cell's own, and an attacked cell predicts its variants
only.
"""

from collections.abc import Mapping
from dataclasses import replace

from xstilts.attack.attack import Attack
from xstilts.attack.registry import find_attack
from xstilts.plan.data_stages import DataStages, names
from xstilts.plan.train_stages import short_task
from xstilts.stages.contracts import AttackConfig, AttackInputs, PredictInputs, ScoreInputs
from xstilts.stages.stage import AttackStage, FetchStage, PredictStage, ScoreStage, Stage
from xstilts.study.condition import Condition
from xstilts.tasks.task import Task

PAIRS = "R1"  # the level of attacks that read the same examples in other languages


class AttackStages:
    """Builds attack stages once each, and the scores under them."""

    def __init__(self, data: DataStages):
        self.data = data
        self._made: dict[tuple[str, str], dict[str, AttackStage]] = {}  # (condition, task) -> language -> stage

    def score(self, clean: ScoreStage, task: Task, condition: Condition) -> ScoreStage | None:
        """The score of a target under a condition; None where the attack fits neither the target nor any of its languages."""
        made = clean.inputs.predictions
        variants = self._variants(task, clean.inputs.gold, condition)
        if not variants or not isinstance(made, PredictStage):
            return None
        languages = tuple(variants)
        inputs: PredictInputs[Stage] = PredictInputs(made.inputs.model, variants)
        slug, title = f"{made.slug}~{condition.name}", f"{made.title} {condition.name}"
        attacked = PredictStage(replace(made.config, languages=languages), inputs, slug, title, made.context)
        gold = {language: clean.inputs.gold[language] for language in languages}
        scored: ScoreInputs[Stage] = ScoreInputs(made, gold, attacked=attacked, variants=variants)
        return ScoreStage(replace(clean.config, languages=languages), scored, slug, context=clean.context)

    def _variants(self, task: Task, gold: Mapping[str, Stage], condition: Condition) -> dict[str, AttackStage]:
        place = (condition.name, task.name)
        if place not in self._made:
            self._made[place] = self._attack(task, gold, condition)
        return self._made[place]

    def _attack(self, task: Task, gold: Mapping[str, Stage], condition: Condition) -> dict[str, AttackStage]:
        """Language -> the attacked test data, in the languages that the attack fits; what is left out is noted."""
        attack = find_attack(condition.attack)
        reason = explain_misfit(attack, task)
        if not reason and attack.level == PAIRS and len(gold) < 2:
            reason = "it needs test data in two languages"
        if reason:
            self.data.note(f"{condition.name} on {task.name}: no such attack, because {reason}")
            return {}
        found: dict[str, AttackStage] = {}
        for language, clean in gold.items():
            if reason := attack.excludes(language):
                self.data.note(f"{condition.name} on {task.name} in {names([language])}: no such attack, because {reason}")
                continue
            assert isinstance(clean, FetchStage)
            budget = attack.budget if condition.budget is None else condition.budget
            config = AttackConfig(attack.name, attack.version, task.name, language, budget, condition.count, condition.seed)
            parallel = {other: stage for other, stage in gold.items() if other != language} if attack.level == PAIRS else {}
            inputs: AttackInputs[Stage] = AttackInputs(clean, parallel)
            slug = f"{short_task(task)}-{clean.config.split}-{language}~{condition.name}"
            found[language] = AttackStage(config, inputs, slug, condition.name, self.data.context)
        return found


def explain_misfit(attack: Attack, task: Task) -> str:
    """Why an attack does not fit a task; empty if it does."""
    if task.format.retrieval:
        return "it is scored by comparing vectors, which no attack is built for yet"
    if not isinstance(task.format, attack.formats):
        return f"the attack is not for the format {task.format.name}"
    if attack.tasks and task.name not in attack.tasks:
        return f"the attack keeps or changes the label only in {', '.join(attack.tasks)}"
    return ""
