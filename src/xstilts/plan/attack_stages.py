"""The conditions of a plan: which attacks fit which targets and languages, and the stages that make and score the variants.

The variants of a test set depend on no model, so all arms and seeds share one attack stage. What an attack does not fit is a
note of the plan with the reason. Surprising: the clean predictions are the cell's own, and an attacked cell predicts its variants
only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from xstilts.attacks.attack import Attack, find_exponent
from xstilts.formats.registry import FORMATS
from xstilts.model.encoder_files import explain_no_unigram, read_tokenizer_model
from xstilts.plan.cell import trace
from xstilts.plan.data_stages import DataStages, names
from xstilts.plan.train_stages import short_task
from xstilts.stages.contracts import (
    AttackConfig,
    AttackInputs,
    Cuts,
    EmbedInputs,
    FolderSource,
    PredictInputs,
    RandomSource,
    ScoreInputs,
    WorldSource,
)
from xstilts.stages.stage import AttackStage, Checkpoint, EmbedStage, EncoderStage, FetchStage, PredictStage, ScoreStage, Stage
from xstilts.study.condition import Condition
from xstilts.tasks.task import Task

UNMINED = "in mining each sentence competes with all others, so one that is attacked would move the neighbours of the rest"


def explain_misfit(attack: Attack, task: Task, languages: Iterable[str]) -> str:
    """Why a study has no such attack on a target that is tested in these languages; "" if it has one."""
    if reason := attack.misfits(task.format, task.name) or (UNMINED if task.format.mining else ""):
        return reason
    few = attack.mixes_languages and sum(not attack.excludes(language) for language in languages) < 2
    return "it needs test data in two languages" if few else ""


class AttackStages:
    """Builds attack stages once each, and the scores under them."""

    def __init__(self, data: DataStages):
        self.data = data
        self._made: dict[tuple[str, str], dict[str, AttackStage]] = {}  # (condition, task) -> language -> stage
        self._uncut: dict[str, str] = {}  # key of an encoder -> why its words cannot be cut at random

    def score(self, clean: ScoreStage, task: Task, condition: Condition) -> ScoreStage | None:
        """The score of a target under a condition; None where the attack fits neither the target nor any of its languages, or not
        the encoder."""
        made = clean.inputs.predictions
        variants = self._variants(task, clean.inputs.gold, condition)
        if not variants:
            return None
        if isinstance(made, EmbedStage):
            return self._score_vectors(clean, made, variants, condition)
        assert isinstance(made, PredictStage)
        attack = condition.find_attack()
        if attack.cuts and (reason := self._explain_uncut(made.inputs.model)):
            self.data.note(f"{condition.name}: no such attack on {_encoder(made.inputs.model).title}, because {reason}")
            return None
        languages = tuple(variants)
        inputs: PredictInputs[Stage] = PredictInputs(made.inputs.model, variants, made.inputs.pictures)
        slug, title = f"{made.slug}~{condition.name}", f"{made.title} {condition.name}"
        cuts = Cuts(find_exponent(attack.check_budget(condition.budget)), condition.seed) if attack.cuts else None
        attacked = PredictStage(replace(made.config, languages=languages, cuts=cuts), inputs, slug, title, made.context)
        gold = {language: clean.inputs.gold[language] for language in languages}
        scored: ScoreInputs[Stage] = ScoreInputs(made, gold, attacked=attacked, variants=variants)
        return ScoreStage(replace(clean.config, languages=languages, counts=attack.counts), scored, slug, context=clean.context)

    def _score_vectors(
        self, clean: ScoreStage, made: EmbedStage, variants: dict[str, AttackStage], condition: Condition
    ) -> ScoreStage:
        """Only the texts that are attacked are embedded anew, at the setting that is scored. The pools are those of the clean
        score, also in languages that are not attacked."""
        setting, languages = clean.config.retrieval, tuple(variants)
        assert setting is not None
        side = FORMATS[made.config.format].sides[0]
        kept = replace(made.config, languages=languages, layers=setting.layer, poolings=(setting.pooling,), side=side)
        inputs: EmbedInputs[Stage] = EmbedInputs(made.inputs.model, variants)
        slug, title = f"{made.slug}~{condition.name}", f"{made.title} {condition.name}"
        attacked = EmbedStage(kept, inputs, slug, title, made.context)
        scored: ScoreInputs[Stage] = ScoreInputs(made, clean.inputs.gold, attacked=attacked, variants=variants)
        return ScoreStage(replace(clean.config, languages=languages), scored, slug, context=clean.context)

    def _explain_uncut(self, checkpoint: Stage) -> str:
        key = _encoder(checkpoint).key
        if key not in self._uncut:
            self._uncut[key] = explain_uncut(checkpoint)
        return self._uncut[key]

    def _variants(self, task: Task, gold: Mapping[str, Stage], condition: Condition) -> dict[str, AttackStage]:
        place = (condition.name, task.name)
        if place not in self._made:
            self._made[place] = self._attack(task, gold, condition)
        return self._made[place]

    def _attack(self, task: Task, gold: Mapping[str, Stage], condition: Condition) -> dict[str, AttackStage]:
        """Language -> the attacked test data, in the languages that the attack fits; what is left out is noted."""
        attack = condition.find_attack()
        subject = f"{condition.name} on {task.name}"
        if reason := explain_misfit(attack, task, gold):
            self.data.note(f"{subject}: no such attack, because {reason}")
            return {}
        fitting = {language: stage for language, stage in gold.items() if not attack.excludes(language)}
        if attack.declared and attack.resource != "none":
            self.data.note(f"{subject}: reads {attack.resource}")
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


def explain_uncut(checkpoint: Stage) -> str:
    """Why the words of a checkpoint's tokenizer cannot be cut at random, as far as is known before it runs; "" if they can."""
    encoder = _encoder(checkpoint)
    match encoder.config.source:
        case WorldSource():
            return "the tokenizer of the embedded world knows whole words only, and its pieces cannot be drawn"
        case RandomSource():
            assert encoder.inputs.like is not None
            return explain_uncut(encoder.inputs.like)
        case FolderSource() if model := read_tokenizer_model(Path(encoder.context.folder)):
            return explain_no_unigram(model)
    return ""


def _encoder(checkpoint: Stage) -> EncoderStage:
    assert isinstance(checkpoint, Checkpoint)
    return trace(checkpoint)[0]
