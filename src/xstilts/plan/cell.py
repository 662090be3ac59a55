"""A cell of a study: one point of its grid, the stage that scores it, and the way back from the score to the encoder."""

from collections.abc import Sequence
from dataclasses import dataclass

from xstilts.errors import InputError, nearest
from xstilts.plan.encoder_stages import short_name
from xstilts.stages.stage import Checkpoint, EmbedStage, EncoderStage, MineStage, PredictStage, ScoreStage, TrainStage
from xstilts.study.condition import CLEAN


@dataclass(frozen=True)
class CellId:
    """Which point of the grid. `arm`: a chain, one of its controls, or "random-init". `condition`: what was done to the test
    data, by its name; "clean" is nothing, and no key knows of it."""

    encoder: str
    arm: str
    target: str
    seed: int
    condition: str = CLEAN


@dataclass(frozen=True)
class PlannedCell:
    """A cell and the stage that scores it."""

    id: CellId
    score: ScoreStage

    @property
    def answered(self) -> PredictStage:
        """The stage that predicts, with the model's head. Raises InputError for retrieval, which has no head."""
        made = self.score.inputs.predictions
        if not isinstance(made, PredictStage):
            raise InputError(f"{self.id.target} is scored by comparing vectors: its model has no head that predicts")
        return made

    @property
    def checkpoint(self) -> Checkpoint:
        """The stage whose weights are scored."""
        made = self.score.inputs.predictions
        if isinstance(made, MineStage):
            made = made.inputs.vectors
        assert isinstance(made, PredictStage | EmbedStage)
        model = made.inputs.model
        assert isinstance(model, Checkpoint)
        return model

    @property
    def trainings(self) -> list[TrainStage]:
        """The trainings between the encoder and the score, the last one first."""
        return trace(self.checkpoint)[1]

    @property
    def start(self) -> EncoderStage:
        """The encoder that the first training starts from."""
        return trace(self.checkpoint)[0]

    @property
    def leak(self) -> bool:
        """Whether weights were chosen on dev data of the target languages: the score is then an upper bound."""
        return any(stage.config.recipe.policy == "target_dev" for stage in self.trainings)


def trace(checkpoint: Checkpoint) -> tuple[EncoderStage, list[TrainStage]]:
    """The encoder that a checkpoint comes from, and the trainings since, the last one first."""
    trainings = []
    while isinstance(checkpoint, TrainStage):
        trainings.append(checkpoint)
        init = checkpoint.inputs.init
        assert isinstance(init, Checkpoint)
        checkpoint = init
    return checkpoint, trainings


def name_cells(cells: Sequence[PlannedCell]) -> dict[str, PlannedCell]:
    """The cells by their names, CHAIN/TARGET/SEED, or ENCODER/CHAIN/TARGET/SEED if there are several encoders."""
    alone = len({cell.id.encoder for cell in cells}) == 1
    found = {}
    for cell in cells:
        place = f"{cell.id.arm}/{cell.id.target}/{cell.id.seed}"
        found[place if alone else f"{short_name(cell.id.encoder)}/{place}"] = cell
    return found


def find_cell(cells: Sequence[PlannedCell], name: str) -> PlannedCell:
    """The cell called CHAIN/TARGET/SEED, or ENCODER/CHAIN/TARGET/SEED; CHAIN may be any arm.

    A target such as `world/tydiqa` has a slash of its own; its last part is enough. Raises InputError."""
    known = name_cells(cells)
    for cell in cells:
        for target in (cell.id.target, cell.id.target.rpartition("/")[2]):
            place = f"{cell.id.arm}/{target}/{cell.id.seed}"
            known.setdefault(f"{short_name(cell.id.encoder)}/{place}", cell)
            if len({cell.id.encoder for cell in cells}) == 1:
                known.setdefault(place, cell)
    if name not in known:
        raise InputError(f"cell '{name}': expected CHAIN/TARGET/SEED{nearest(name, known)}")
    return known[name]
