"""The scores of a plan: a target's own training, what predicts, embeds or mines with the checkpoint, and the score."""

from collections.abc import Sequence
from dataclasses import dataclass

from xstilts.errors import InputError
from xstilts.plan.train_stages import TrainStages, short_task
from xstilts.stages import contracts
from xstilts.stages.stage import (
    Checkpoint,
    EmbedStage,
    FetchStage,
    MineStage,
    PredictStage,
    ScoreStage,
    SeeStage,
    Stage,
    TrainStage,
)
from xstilts.study import Retrieval, Target
from xstilts.tasks.files.locate import explain_missing
from xstilts.tasks.registry import find_task

Texts = dict[str, FetchStage]


@dataclass(frozen=True)
class _Tested:
    """What all cells of a target have in common: its data, and the configs of the stages that answer and score."""

    gold: Texts
    dev: Texts
    pictures: SeeStage | None
    answer: contracts.PredictConfig | contracts.EmbedConfig
    mining: contracts.MineConfig | None
    score: contracts.ScoreConfig


class ScoreStages:
    """Builds score stages and what they score."""

    def __init__(self, trains: TrainStages):
        self.study, self.data, self.trains = trains.study, trains.data, trains
        self._tested: dict[str, _Tested] = {}

    def score(self, checkpoint: Checkpoint, target: Target, seed: int, match: Sequence[TrainStage] = ()) -> ScoreStage:
        """Fine-tune (unless the format is scored as it is), predict or embed, score."""
        task = find_task(target.task)
        if task.name not in self._tested:
            self._tested[task.name] = self._test(target)
        tested, title, context = self._tested[task.name], short_task(task), self.data.context
        if task.format.trained:
            checkpoint = self.trains.fine_tune(checkpoint, target, seed, match)
        slug = f"{checkpoint.slug}@{title}"
        made: Stage
        if isinstance(tested.answer, contracts.PredictConfig):
            read: contracts.PredictInputs[Stage] = contracts.PredictInputs(checkpoint, tested.gold, tested.pictures)
            made = PredictStage(tested.answer, read, slug, title, context)
        else:
            texts: contracts.EmbedInputs[Stage] = contracts.EmbedInputs(checkpoint, tested.gold, tested.dev)
            made = EmbedStage(tested.answer, texts, slug, title, context)
            if tested.mining:
                made = MineStage(tested.mining, contracts.MineInputs(made), slug, title, context)
        inputs: contracts.ScoreInputs[Stage] = contracts.ScoreInputs(made, tested.gold, tested.dev)
        return ScoreStage(tested.score, inputs, slug, context=context)

    def _test(self, target: Target) -> _Tested:
        task = find_task(target.task)
        split = self.data.choose_split(task)
        languages = tuple(self.data.choose_languages(task, split))
        if not languages:
            raise InputError(explain_missing(task, split, task.languages[0], self.data.root))
        gold = {language: self.data.stage(task, split, language) for language in languages}
        dev: Texts = {}
        if task.format.mining:
            dev = {language: self.data.stage(task, "dev", language) for language in languages}
        answer: contracts.PredictConfig | contracts.EmbedConfig
        setting, mining = None, None
        if task.format.retrieval:
            answer, setting = self._retrieve(target, languages)
            if task.format.mining:
                chosen = (setting.layer, setting.pooling, setting.centred)
                mining = contracts.MineConfig(task.name, languages, *chosen, k=4, margin="ratio")
        else:
            answer = self._predict(target, languages)
        pictures = self.data.see(task, gold) if task.pictures and not task.format.retrieval else None
        score = contracts.ScoreConfig(task.name, task.version, languages, setting)
        return _Tested(gold, dev, pictures, answer, mining, score)

    def _predict(self, target: Target, languages: tuple[str, ...]) -> contracts.PredictConfig:
        task, source = find_task(target.task), find_task(target.source)
        recipe = self.study.phase_recipe((source.name,), {}, task.name)
        # Labels are those that the head was trained with, in its order; whether there may be no answer is the target's.
        shape = self.trains.format_of(source if task.format.decoded_by_head else task)
        used = contracts.PredictRecipe(recipe.max_length, recipe.stride, recipe.precision, recipe.word_state)
        return contracts.PredictConfig(task.name, source.name, shape, languages, used)

    def _retrieve(self, target: Target, languages: tuple[str, ...]) -> tuple[contracts.EmbedConfig, contracts.RetrievalSetting]:
        """How texts are embedded, and the setting at which their vectors are scored. A dual encoder for ranking is used as it was
        trained: its last layer's first token, rows as long as in training, no prefix."""
        task, asked = find_task(target.task), self.study.retrieval
        if task.format.trained:
            recipe = self.study.phase_recipe((target.source,), {}, task.name)
            length, precision = recipe.max_length, recipe.precision
            asked = Retrieval(layer="last", pooling="cls", centred=False, max_length=length, precision=precision)
        setting = contracts.RetrievalSetting(asked.layer, asked.pooling, asked.centred)
        sweep = asked.sweep and task.format.layer_sweep
        layers, poolings = ("all", ("mean", "mean_content", "cls")) if sweep else (setting.layer, (setting.pooling,))
        config = contracts.EmbedConfig(
            task.name, task.format.name, languages, asked.max_length, asked.precision, layers, poolings, asked.prefix
        )
        return config, setting
