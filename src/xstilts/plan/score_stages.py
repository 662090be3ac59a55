"""The scores of a plan: a target's own training, what predicts, embeds or mines with the checkpoint, and the score."""

from collections.abc import Sequence

from xstilts.errors import InputError
from xstilts.plan.train_stages import TrainStages, short_task
from xstilts.stages import contracts
from xstilts.stages.stage import Checkpoint, EmbedStage, FetchStage, MineStage, PredictStage, ScoreStage, Stage, TrainStage
from xstilts.study import Retrieval, Target
from xstilts.tasks.files.locate import explain_missing
from xstilts.tasks.registry import find_task

Texts = dict[str, FetchStage]


class ScoreStages:
    """Builds score stages and what they score."""

    def __init__(self, trains: TrainStages):
        self.study, self.data, self.trains = trains.study, trains.data, trains

    def score(self, checkpoint: Checkpoint, target: Target, seed: int, match: Sequence[TrainStage] = ()) -> ScoreStage:
        """Fine-tune (unless the format is scored as it is), predict or embed, score."""
        task = find_task(target.task)
        split = self.data.choose_split(task)
        languages = tuple(self.data.choose_languages(task, split))
        if not languages:
            raise InputError(explain_missing(task, split, task.languages[0], self.data.root))
        gold = {language: self.data.stage(task, split, language) for language in languages}
        dev: Texts = {}
        if task.format.mining:
            dev = {language: self.data.stage(task, "dev", language) for language in languages}
        if task.format.trained:
            checkpoint = self.trains.fine_tune(checkpoint, target, seed, match)
        setting = None
        made: Stage
        if task.format.retrieval:
            made, setting = self._retrieve(checkpoint, target, languages, gold, dev)
        else:
            made = self._predict(checkpoint, target, languages, gold)
        config = contracts.ScoreConfig(task.name, task.version, languages, setting)
        inputs: contracts.ScoreInputs[Stage] = contracts.ScoreInputs(made, gold, dev)
        return ScoreStage(config, inputs, made.slug, context=self.data.context)

    def _predict(self, checkpoint: Checkpoint, target: Target, languages: tuple[str, ...], gold: Texts) -> PredictStage:
        task, source = find_task(target.task), find_task(target.source)
        recipe = self.study.phase_recipe((source.name,), {}, task.name)
        # Labels are those that the head was trained with, in its order; whether there may be no answer is the target's.
        shape = self.trains.format_of(source if task.format.decoded_by_head else task)
        used = contracts.PredictRecipe(recipe.max_length, recipe.stride, recipe.precision, recipe.word_state)
        config = contracts.PredictConfig(task.name, source.name, shape, languages, used)
        inputs: contracts.PredictInputs[Stage] = contracts.PredictInputs(
            checkpoint, gold, self.data.see(task, gold) if task.pictures else None
        )
        title = short_task(task)
        return PredictStage(config, inputs, f"{checkpoint.slug}@{title}", title, self.data.context)

    def _retrieve(
        self, checkpoint: Checkpoint, target: Target, languages: tuple[str, ...], gold: Texts, dev: Texts
    ) -> tuple[EmbedStage | MineStage, contracts.RetrievalSetting]:
        """The stage that leaves what is scored (vectors, or mined pairs), and the setting at which it is scored. A dual
        encoder for ranking is used as it was trained: its last layer's first token, rows as long as in training, no prefix."""
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
        inputs: contracts.EmbedInputs[Stage] = contracts.EmbedInputs(checkpoint, gold, dev)
        title = short_task(task)
        made = EmbedStage(config, inputs, f"{checkpoint.slug}@{title}", title, self.data.context)
        if not task.format.mining:
            return made, setting
        mining = contracts.MineConfig(task.name, languages, setting.layer, setting.pooling, setting.centred, k=4, margin="ratio")
        return MineStage(mining, contracts.MineInputs(made), made.slug, title, self.data.context), setting
