"""What a stage of each kind is told (its config) and what it reads (its inputs): two frozen classes for each kind.

A plan builds them and the body of the stage reads them; between the two they are JSON, in the key and in `stage.json`.
`write_config` and `Inputs.named` write the JSON, `read_config` and `Inputs.read` read it, and nothing else does. Fields and names
are parts of keys: a change of one moves the keys of users' stores.

An input is a stage in a plan, and in the worker the `out/` folder of that stage: inputs are generic over this. The name of an
input is that of its field, and after it the parts that tell the field's inputs from each other: `model`, `gold:<language>`,
`train:<task>:<language>`. In a `BARE` field it is the part alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache, lru_cache
from types import NoneType
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, Field, PlainValidator, TypeAdapter, ValidationError

from xstilts.data.yaml_records import LATER, unset_later_fields
from xstilts.errors import InputError
from xstilts.formats.format import Format
from xstilts.formats.registry import format_of
from xstilts.recipe.encoder_identity import Architecture
from xstilts.recipe.mixture import MixtureRule
from xstilts.recipe.recipe import Recipe, WordState
from xstilts.store.fingerprint import canonical_json, join_fields
from xstilts.world.config import WorldConfig

Precision = Literal["fp32", "bf16"]
FormatRecord = Annotated[Format, PlainValidator(format_of)]


@dataclass(frozen=True)
class FetchConfig:
    """One split of a task in one language; at most `limit` examples. `declared`: the identity of a user's own task. `world`:
    the embedded world that makes the examples. `source` says where the examples come from: "sha256:...", "hub:...", or "nowhere"
    in a draft whose data are missing. A task with parts has a mapping of each part to such a text."""

    task: str
    version: int
    split: str
    language: str
    limit: int | None
    declared: str = field(default="", metadata=LATER)
    world: WorldConfig | None = field(default=None, metadata=LATER)
    source: str | Mapping[str, str] | None = field(default=None, metadata=LATER)

    def source_of(self, task: str) -> str:
        """Where the examples of a part of the task come from, or those of the task itself."""
        found = self.source[task] if isinstance(self.source, Mapping) else self.source
        assert found is not None
        return found


@dataclass(frozen=True)
class AttackConfig:
    """`count` variants of every test example of a task in one language; `budget` in the attack's own measure. `declared`: the
    identity of a user's own attack."""

    attack: str
    version: int
    task: str
    language: str
    budget: float
    count: int
    seed: int
    declared: str = field(default="", metadata=LATER)


@dataclass(frozen=True)
class SeeConfig:
    """The vectors of all pictures that examples of a task name. `tower`: what decides those of the vision tower
    (`vision.tower.identify_tower`); {"nowhere": its name} in a draft that does not find it. `declared`: the identity of a user's
    own task. `files`: the sha256 of the files that the pictures of a text (a name in `SeeInputs`) are in, if they are in files of
    the data folder."""

    task: str
    version: int
    tower: Mapping[str, str]
    declared: str = field(default="", metadata=LATER)
    files: Mapping[str, str] | None = field(default=None, metadata=LATER)


@dataclass(frozen=True)
class TokenizerConfig:
    """A tokenizer of `vocabulary` ids for a task of plain text; the other fields are those of `Scratch`."""

    corpus: str
    vocabulary: int
    smoothing: float
    coverage: float
    sample: int


@dataclass(frozen=True)
class FolderSource:
    """A local Hugging Face folder; `files` are the sha256 of its files by name, "nowhere" in a draft."""

    files: Mapping[str, str] | str
    kind: Literal["folder"] = "folder"


@dataclass(frozen=True)
class HubSource:
    """A model of the Hugging Face Hub; `revision` is a commit."""

    id: str
    revision: str
    kind: Literal["hub"] = "hub"


@dataclass(frozen=True)
class RandomSource:
    """The architecture of another encoder with random weights."""

    seed: int
    kind: Literal["random"] = "random"


@dataclass(frozen=True)
class WorldSource:
    """An encoder with random weights and the vocabulary of the embedded world."""

    world: WorldConfig
    architecture: Architecture
    seed: int
    kind: Literal["world"] = "world"


@dataclass(frozen=True)
class ScratchSource:
    """An encoder with random weights and a tokenizer of its own."""

    architecture: Architecture
    seed: int
    kind: Literal["scratch"] = "scratch"


EncoderSource = FolderSource | HubSource | RandomSource | WorldSource | ScratchSource


@dataclass(frozen=True)
class EncoderConfig:
    source: Annotated[EncoderSource, Field(discriminator="kind")]


@dataclass(frozen=True)
class TrainedTask:
    """A task of a mixture."""

    name: str
    version: int
    format: FormatRecord


@dataclass(frozen=True)
class TrainConfig:
    """One training phase. `labels`: "shuffled" is the placebo."""

    tasks: tuple[TrainedTask, ...]
    mixture: MixtureRule
    labels: Literal["gold", "shuffled"]
    recipe: Recipe
    seed: int


@dataclass(frozen=True)
class PredictRecipe:
    """The fields of a recipe that matter to a prediction."""

    max_length: int
    stride: int
    precision: Precision
    word_state: WordState = field(default="first", metadata=LATER)


@dataclass(frozen=True)
class Cuts:
    """Words are cut at random by the id of their example and this `seed`; `alpha` as in `model/segmentation.py`."""

    alpha: float
    seed: int


@dataclass(frozen=True)
class PredictConfig:
    """`head`: the task whose head predicts. `format`: labels are those of the head, in its order. `cuts`: None for the
    tokenizer's own."""

    task: str
    head: str
    format: FormatRecord
    languages: tuple[str, ...]
    recipe: PredictRecipe
    cuts: Cuts | None = field(default=None, metadata=LATER)


@dataclass(frozen=True)
class EmbedConfig:
    """`layers`: "all", or the rule or number of one layer (see `vectors.resolve_layer`). `prefix`: text put before each one.
    `side`: the only one that is embedded (of attacked examples); "" for all of the format."""

    task: str
    format: str
    languages: tuple[str, ...]
    max_length: int
    precision: Precision
    layers: str | int
    poolings: tuple[str, ...]
    prefix: str = field(default="", metadata=LATER)
    side: str = field(default="", metadata=LATER)


@dataclass(frozen=True)
class MineConfig:
    """Pairs by the `k` nearest neighbours of each side and the margin criterion, of vectors as in `RetrievalSetting`."""

    task: str
    languages: tuple[str, ...]
    layer: str | int
    pooling: str
    centred: bool
    k: int
    margin: Literal["ratio"]


@dataclass(frozen=True)
class RetrievalSetting:
    """Which vectors are compared. `layer`: a rule or a number; `centred`: whether their mean is subtracted."""

    layer: str | int
    pooling: str
    centred: bool


@dataclass(frozen=True)
class ScoreConfig:
    """`retrieval`: None for tasks that are predicted. `counts`: under an attack an example counts with its worst variant, under
    an ablation with their mean."""

    task: str
    version: int
    languages: tuple[str, ...]
    retrieval: RetrievalSetting | None
    counts: Literal["worst", "mean"] = field(default="worst", metadata=LATER)


Config = (
    FetchConfig
    | AttackConfig
    | SeeConfig
    | TokenizerConfig
    | EncoderConfig
    | TrainConfig
    | PredictConfig
    | EmbedConfig
    | MineConfig
    | ScoreConfig
)


def write_config(config: Config) -> dict[str, Any]:
    """The JSON of a config, as it enters the key."""
    record: dict[str, Any] = _write(config)
    return record


def spell_config(config: Config) -> str:
    """`canonical_json(write_config(config))`. Stages share configs, recipes and formats: each such object is spelled once."""
    return _spell_fields(_Same(config))


class _Same:
    """An object that is equal to itself alone, by which what never changes is remembered."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value


@lru_cache(4096)
def _spell_fields(config: _Same) -> str:
    return join_fields({f.name: _spell(x) for f, x in _list_fields(config.value)})


def _spell(value: Any) -> str:
    return canonical_json(value) if type(value) in _PLAIN else _spell_part(_Same(value))


@lru_cache(4096)
def _spell_part(part: _Same) -> str:
    return canonical_json(_write(part.value))


_fields: Callable[[Any], tuple[Any, ...]] = cache(fields)
_PLAIN = (str, int, float, bool, NoneType)


def _list_fields(value: Any) -> list[tuple[Any, Any]]:
    """The fields of a dataclass with their values, without those marked LATER that have their default."""
    found = [(f, getattr(value, f.name)) for f in _fields(type(value))]
    return [(f, x) for f, x in found if not ("later" in f.metadata and x == f.default)]


def _write(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude=unset_later_fields(value))
    if isinstance(value, WorldConfig):
        return value.fingerprint()
    if isinstance(value, Format):
        return _write(value.record())
    if is_dataclass(value):
        return {f.name: _write(x) for f, x in _list_fields(value)}
    if isinstance(value, Mapping):
        return {name: _write(x) for name, x in value.items()}
    return [_write(x) for x in value] if isinstance(value, tuple | list) else value


ConfigT = TypeVar("ConfigT")


@cache
def _reader(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read_config(kind: type[ConfigT], record: Mapping[str, Any]) -> ConfigT:
    """The inverse of `write_config`. Raises InputError if the JSON is not what this version of the program writes."""
    try:
        config: ConfigT = _reader(kind).validate_python(record)  # type: ignore[arg-type]
    except ValidationError as error:
        raise InputError(f"stage.json: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}; plan the study again") from None
    if (written := _write(config)) != record:
        raise InputError(f"stage.json: its config is {record}, this version of xstilts reads {written}; plan the study again")
    return config


OCCLUSION = "occlusion.json"  # what a predict stage of pictures leaves beside its predictions

# -- Inputs ------------------------------------------------------------------------------------------------------------

P = TypeVar("P")
ByTask = Mapping[str, Mapping[str, P]]  # task -> language -> input
ONE_PART, TWO_PARTS, BARE = {"parts": 1}, {"parts": 2}, {"parts": 1, "bare": True}


@cache
def _list_inputs(kind: Any) -> list[tuple[str, str, int]]:
    """Of each field of an inputs class: its name, how the names of its inputs begin, and of how many parts they are then."""
    return [(f.name, "" if "bare" in f.metadata else f"{f.name}:", f.metadata.get("parts", 0)) for f in fields(kind)]


@dataclass(frozen=True)
class Inputs(Generic[P]):
    """Of a stage that reads no other one."""

    def named(self) -> dict[str, P]:
        """The inputs by their names."""
        found: dict[str, P] = {}
        kind: Any = type(self)
        for name, start, parts in _list_inputs(kind):
            value = getattr(self, name)
            if parts == 1:
                for part, x in value.items():
                    found[start + part] = x
            elif parts == 2:
                for task, by_part in value.items():
                    for part, x in by_part.items():
                        found[f"{start}{task}:{part}"] = x
            elif value is not None:
                found[name] = value
        return found

    @classmethod
    def read(cls, named: Mapping[str, P]) -> Self:
        """The inputs that have these names."""
        words = {f.name for f in fields(cls)}
        found: dict[str, Any] = {name: x for name, x in named.items() if name in words}
        for f in fields(cls):
            own = {name.removeprefix(f"{f.name}:"): x for name, x in named.items() if name.startswith(f"{f.name}:")}
            match f.metadata:
                case {"bare": True}:
                    found[f.name] = {name: x for name, x in named.items() if name.partition(":")[0] not in words}
                case {"parts": 1}:
                    found[f.name] = own
                case {"parts": 2}:
                    pairs = [(name.rpartition(":"), x) for name, x in own.items()]
                    tasks = dict.fromkeys(task for (task, _, _), _ in pairs)
                    found[f.name] = {task: {parts[2]: x for parts, x in pairs if parts[0] == task} for task in tasks}
        return cls(**found)


@dataclass(frozen=True)
class AttackInputs(Inputs[P]):
    """`clean`: the examples. `parallel`: language -> the same examples in all languages, where the attack reads them."""

    clean: P
    parallel: Mapping[str, P] = field(default_factory=dict, metadata=ONE_PART)


@dataclass(frozen=True)
class SeeInputs(Inputs[P]):
    """`texts`: language, or split and language -> examples that name pictures."""

    texts: Mapping[str, P] = field(metadata=BARE)


@dataclass(frozen=True)
class TokenizerInputs(Inputs[P]):
    """`train`: the text of the corpus."""

    train: ByTask[P] = field(metadata=TWO_PARTS)


@dataclass(frozen=True)
class EncoderInputs(Inputs[P]):
    """`like`: the encoder whose architecture a random one has; `tokenizer`: that of an encoder from scratch."""

    like: P | None = None
    tokenizer: P | None = None


@dataclass(frozen=True)
class TrainInputs(Inputs[P]):
    """`init`: the encoder or training to start from. `dev`: task -> its dev data in English or a language that it is trained on.
    `oracle`: dev data of the target languages. `match`: number -> a training whose tokens a compute-matched one has on top.
    `pictures`: task -> the vectors of its pictures."""

    init: P
    train: ByTask[P] = field(metadata=TWO_PARTS)
    dev: Mapping[str, P] = field(default_factory=dict, metadata=ONE_PART)
    oracle: ByTask[P] = field(default_factory=dict, metadata=TWO_PARTS)
    match: Mapping[str, P] = field(default_factory=dict, metadata=ONE_PART)
    pictures: Mapping[str, P] = field(default_factory=dict, metadata=ONE_PART)


@dataclass(frozen=True)
class PredictInputs(Inputs[P]):
    """`model`: the trained checkpoint; `test`: language -> examples; `pictures`: the vectors of their pictures."""

    model: P
    test: Mapping[str, P] = field(metadata=BARE)
    pictures: P | None = None


@dataclass(frozen=True)
class EmbedInputs(Inputs[P]):
    """`model`: the checkpoint. `test` and, for mining, `dev`: language -> texts."""

    model: P
    test: Mapping[str, P] = field(metadata=BARE)
    dev: Mapping[str, P] = field(default_factory=dict, metadata=ONE_PART)


@dataclass(frozen=True)
class MineInputs(Inputs[P]):
    vectors: P


@dataclass(frozen=True)
class ScoreInputs(Inputs[P]):
    """`predictions`: what a predict, embed or mine stage leaves. `gold` and, for mining, `dev`: language -> examples. Under an
    attack also `attacked`: the predictions (or vectors) for `variants`: language -> attacked examples."""

    predictions: P
    gold: Mapping[str, P] = field(metadata=ONE_PART)
    dev: Mapping[str, P] = field(default_factory=dict, metadata=ONE_PART)
    attacked: P | None = None
    variants: Mapping[str, P] = field(default_factory=dict, metadata=ONE_PART)
