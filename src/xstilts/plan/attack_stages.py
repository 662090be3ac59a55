"""The conditions of a plan: which attacks fit which targets and languages, and the stages that make and score the variants.

The variants of a test set depend on no model, so all arms and seeds share one attack stage. What an attack does not fit is a
note of the plan with the reason. Surprising: the clean predictions are the cell's own, and an attacked cell predicts its variants
only.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from xstilts.attacks.attack import Attack
from xstilts.plan.data_stages import DataStages, names
from xstilts.plan.train_stages import short_task
from xstilts.stages.contracts import AttackConfig, AttackInputs, PredictInputs, ScoreInputs
from xstilts.stages.stage import AttackStage, FetchStage, PredictStage, ScoreStage, Stage
from xstilts.study.condition import Condition
from xstilts.tasks.task import Task

UNVECTORED = "it is scored by comparing vectors, and only predictions can be attacked"


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
        inputs: PredictInputs[Stage] = PredictInputs(made.inputs.model, variants, made.inputs.pictures)
        slug, title = f"{made.slug}~{condition.name}", f"{made.title} {condition.name}"
        attacked = PredictStage(replace(made.config, languages=languages), inputs, slug, title, made.context)
        gold = {language: clean.inputs.gold[language] for language in languages}
        scored: ScoreInputs[Stage] = ScoreInputs(made, gold, attacked=attacked, variants=variants)
        counts: Literal["worst", "mean"] = "mean" if condition.find_attack().goal == "ablation" else "worst"
        return ScoreStage(replace(clean.config, languages=languages, counts=counts), scored, slug, context=clean.context)

    def _variants(self, task: Task, gold: Mapping[str, Stage], condition: Condition) -> dict[str, AttackStage]:
        place = (condition.name, task.name)
        if place not in self._made:
            self._made[place] = self._attack(task, gold, condition)
        return self._made[place]

    def _attack(self, task: Task, gold: Mapping[str, Stage], condition: Condition) -> dict[str, AttackStage]:
        """Language -> the attacked test data, in the languages that the attack fits; what is left out is noted."""
        attack = condition.find_attack()
        subject = f"{condition.name} on {task.name}"
        fitting = {language: stage for language, stage in gold.items() if not attack.excludes(language)}
        reason = attack.misfits(task.format, task.name) or (UNVECTORED if task.format.retrieval else "")
        if not reason and attack.mixes_languages and len(fitting) < 2:
            reason = "it needs test data in two languages"
        if reason:
            self.data.note(f"{subject}: no such attack, because {reason}")
            return {}
        for language in gold:
            if language not in fitting:
                self.data.note(f"{subject} in {names([language])}: no such attack, because {attack.excludes(language)}")
        return {language: self._stage(attack, task, language, fitting, condition) for language in fitting}

    def _stage(self, attack: Attack, task: Task, language: str, gold: Mapping[str, Stage], condition: Condition) -> AttackStage:
        clean = gold[language]
        assert isinstance(clean, FetchStage)
        budget = float(attack.check_budget(condition.budget))
        strength = (budget, condition.count, condition.seed)
        config = AttackConfig(attack.name, attack.version, task.name, language, *strength, attack.declared)
        inputs: AttackInputs[Stage] = AttackInputs(clean, gold if attack.mixes_languages else {})
        slug = f"{short_task(task)}-{clean.config.split}-{language}~{condition.name}"
        context = replace(self.data.context, attack=condition.path)
        return AttackStage(config, inputs, slug, condition.name, context)
