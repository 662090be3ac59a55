"""train: start from an artefact, train on a mixture, leave a model folder. Every phase of every chain is this stage.

First the training data become token caches in the scratch folder, then the trunk is loaded (its embedding table trimmed
to the tokens that occur) and trained, alone or by several processes (`ddp_launch.py`), which all begin with `prepare`.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import ConcatDataset

from xstilts.errors import InputError
from xstilts.formats.format import Example, Format
from xstilts.formats.jsonl import read_jsonl
from xstilts.formats.placebo import shuffle_answers
from xstilts.model.adapt import adapt, merge
from xstilts.model.codecs.codec import Codec
from xstilts.model.codecs.image_pair import ImagePairCodec
from xstilts.model.codecs.registry import CODECS
from xstilts.model.encoder import max_positions, stored_embeddings
from xstilts.model.model import Model, fresh_model, save_model, trunk_folder
from xstilts.model.sampled_rows import Draw, SampledRows, cut_anew, mix_anew
from xstilts.model.segmentation import SampledTokenizer
from xstilts.model.token_cache import TokenCache, write_cache
from xstilts.model.tokenizer import load_tokenizer
from xstilts.model.unpadding import can_unpad
from xstilts.model.vocabulary import TrimmedEmbedding, restore, trim
from xstilts.recipe.recipe import Recipe
from xstilts.recipe.robust import CodeMix, Redrawn, Segmentation
from xstilts.stages.contracts import TrainConfig, TrainInputs, write_config
from xstilts.stages.ddp_launch import start_processes
from xstilts.stages.device import device
from xstilts.stages.job import Diverged, Interrupted, Job, Lost
from xstilts.store.fingerprint import compute_key
from xstilts.store.store import read_json, write_json
from xstilts.tasks.registry import find_task
from xstilts.train.ddp import Group, LostProcess
from xstilts.train.loop import MixtureTask, NotFinite, PhaseSpec, Training
from xstilts.vision.features import PictureFeatures

CACHES = "tokens"


def codec_of(spec: Format, tokenizer: Any, recipe: Recipe, pictures: Path | None = None) -> Codec:
    """The codec of a format. `pictures`: the `out/` folder of the stage that made vectors of its pictures."""
    codec = CODECS[spec.name](spec, tokenizer, recipe)
    if isinstance(codec, ImagePairCodec):
        assert pictures is not None  # a plan has it for each task with pictures
        codec.pictures = PictureFeatures(pictures)
    return codec


def check_length(encoder: Any, recipe: Recipe) -> None:
    """Raises InputError if the recipe's `max_length` is more than the encoder can number."""
    if recipe.max_length > max_positions(encoder):
        raise InputError(f"recipe: max_length {recipe.max_length} is more than the encoder's {max_positions(encoder)} positions")


@dataclass
class Prepared:
    """What a process of the stage trains. `adapters`: LoRA's, to be merged."""

    model: Model
    members: list[MixtureTask]
    recipe: Recipe
    plan: PhaseSpec
    adapters: Any


def run(job: Job[TrainConfig, TrainInputs[Path]]) -> None:
    """Leaves `encoder/`, `heads.safetensors`, `heads.json` and `train.json`."""
    recipe = job.config.recipe
    began = time.monotonic()
    _encode(job)
    encoding = time.monotonic() - began
    prepared = prepare(job.config, job.inputs, job.scratch, device(), job.context.words)
    model, start = prepared.model, trunk_folder(job.inputs.init)
    table = model.encoder.get_input_embeddings()  # type: ignore[operator]
    full = int(model.encoder.config.vocab_size)  # type: ignore[union-attr, arg-type]
    with start_processes(job, recipe.processes) as group:
        try:
            training = Training(
                model, prepared.members, recipe, prepared.plan, job.checkpoint, job.progress, job.stop.is_set, group
            )
            record = training.run()
        except NotFinite as error:
            raise Diverged(str(error)) from None
        except LostProcess as error:
            raise Lost(f"a process of the data-parallel group is gone ({error})") from None
    if record is None:
        raise Interrupted
    began = time.monotonic()
    merge(prepared.adapters)
    if isinstance(table, TrimmedEmbedding):
        restore(model.encoder, stored_embeddings(start, model.encoder), record["shrink"])
    save_model(model, {task.name: task.format for task in job.config.tasks}, start, job.out)
    record["seconds"] = {"encode": encoding, **record["seconds"], "save": time.monotonic() - began}
    record["vocabulary"] = {"kept": len(table.weight), "of": full}
    record["packed"] = can_unpad(model.encoder)
    write_json(job.out / "train.json", record)
    job.facts |= {name: value for name, value in record.items() if name not in ("losses", "dev", "shrink", "features", "draws")}


def _encode(job: Job[TrainConfig, TrainInputs[Path]]) -> None:
    """Write the token caches, one for each task and language, and which tokens occur in them and in the dev data."""
    config, inputs = job.config, job.inputs
    tokenizer = load_tokenizer(trunk_folder(inputs.init))
    _sampler(config.recipe, tokenizer, job.context.words)  # raises InputError before anything is encoded
    folder = job.scratch / CACHES
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    met, unreached = [], {}
    for task in config.tasks:
        codec = codec_of(task.format, tokenizer, config.recipe, inputs.pictures.get(task.name))
        sources = inputs.train[task.name]
        caches = []
        for language, path in sources.items():
            found = _examples(config, codec, path)
            look = partial(_tell_encoded, job, f"tokenizing {task.name} {language}")
            caches.append(write_cache(codec, found, _cache(folder, task.name, language), look))
        if codec.unreached:
            unreached[task.name] = len(codec.unreached)
        if not sum(map(len, caches)):
            raise InputError(f"{task.name}: no training examples, so it cannot be part of the mixture; leave it out")
        met += [cache.ids for cache in caches]
        dev = [inputs.dev[task.name]] if task.name in inputs.dev else []
        for path in (*dev, *inputs.oracle.get(task.name, {}).values()):
            features = (f for some in _chunks(path) for f in codec.encode(some, training=False))
            met.append(np.unique(np.concatenate([np.zeros(0, np.int32), *(row for f in features for row in f.rows)])))
    np.save(folder / "met.npy", np.unique(np.concatenate(met)))
    if unreached:
        job.facts["unreached"] = unreached


def _examples(config: TrainConfig, codec: Codec, folder: Path) -> Iterable[Example]:
    """The training examples of one language; shuffled ones are a list."""
    found = read_jsonl(folder / "examples.jsonl")
    return shuffle_answers(codec.spec, list(found), config.seed) if config.labels == "shuffled" else found


def _tell_encoded(job: Job[TrainConfig, TrainInputs[Path]], doing: str, done: int) -> None:
    job.progress({"doing": doing, "done": done})
    job.check_stop()


def _cache(folder: Path, task: str, language: str) -> Path:
    return folder / f"{task.replace('/', '.')}-{language}"


def _chunks(folder: Path) -> Iterator[list[Example]]:
    stream = read_jsonl(folder / "examples.jsonl")
    while some := list(islice(stream, 1000)):
        yield some


def prepare(config: TrainConfig, inputs: TrainInputs[Path], scratch: Path, where: torch.device, words: str = "") -> Prepared:
    """The model with fresh heads on its device, and the members of the mixture on their caches: the same in each process.
    `words`: the file of the recipe's word list."""
    recipe, folder = config.recipe, scratch / CACHES
    tokenizer = load_tokenizer(trunk_folder(inputs.init))
    codecs = {task.name: codec_of(task.format, tokenizer, recipe, inputs.pictures.get(task.name)) for task in config.tasks}
    members = [_member(name, codec, recipe, inputs, folder) for name, codec in codecs.items()]
    if sampler := _sampler(recipe, tokenizer, words):
        for member in members:
            member.sampled = _sampled_rows(config, member.codec, sampler, inputs.train[member.name], member.name, folder)
    torch.manual_seed(config.seed)  # the fresh heads
    model = fresh_model(inputs.init, codecs, recipe.dropout, config.mixture.share_heads)
    check_length(model.encoder, recipe)
    adapters = adapt(model.encoder, recipe)
    table = model.encoder.get_input_embeddings()  # type: ignore[operator]
    whole = isinstance(recipe.robust, Redrawn) or any(codec.whole_vocabulary for codec in codecs.values())
    if table.weight.requires_grad and not whole:
        trim(model.encoder, np.load(folder / "met.npy"), tokenizer.all_special_ids)
    model.to(where)
    before = [read_json(path / "train.json") for path in inputs.match.values()]
    tokens = sum(round(record["tokens"] * record.get("passes", 1)) for record in before)
    identity = compute_key({"config": write_config(config), "features": [list(m.groups) for m in members], "matched": tokens})
    return Prepared(model, members, recipe, PhaseSpec(config.mixture, config.seed, tokens, identity), adapters)


def _member(name: str, codec: Codec, recipe: Recipe, inputs: TrainInputs[Path], folder: Path) -> MixtureTask:
    sources = inputs.train[name]
    caches = {language: TokenCache(_cache(folder, name, language)) for language in sources}
    features: Any = ConcatDataset(list(caches.values()))  # type: ignore[arg-type]
    dev = {"en": inputs.dev[name]} if name in inputs.dev else {}
    if recipe.policy == "target_dev":
        dev = dict(inputs.oracle.get(name, {}))

    def id_of(row: int) -> str:
        for language, cache in caches.items():
            if row < len(cache):
                example = next(islice(read_jsonl(sources[language] / "examples.jsonl"), cache[row].example, None))
                return example.id
            row -= len(cache)
        raise IndexError(row)

    examples = {language: list(read_jsonl(path / "examples.jsonl")) for language, path in dev.items()}
    groups = tuple(len(cache) for cache in caches.values())
    return MixtureTask(name, codec, features, examples, find_task(name).metric, groups, id_of)


# Of a task's codec and its examples by language: what draws an example anew.
Sampler = Callable[[Codec, Mapping[str, list[Example]]], Draw]


def _sampler(recipe: Recipe, tokenizer: Any, words: str) -> Sampler | None:
    """How a robust recipe draws rows anew at each visit; None if it does not. Raises InputError for a tokenizer whose words
    cannot be cut, and for a word list that changed."""
    match recipe.robust:
        case Segmentation(alpha=alpha):
            cutting = SampledTokenizer(tokenizer, alpha)
            return lambda codec, examples: cut_anew(codec, cutting, list(chain.from_iterable(examples.values())))
        case CodeMix(share=share) as mix:
            attack = mix.make_attack(Path(words))
            return lambda codec, examples: mix_anew(codec, attack, share, examples)
    return None


def _sampled_rows(
    config: TrainConfig, codec: Codec, sampler: Sampler, sources: Mapping[str, Path], name: str, folder: Path
) -> SampledRows:
    """A task's rows that are drawn anew at each visit; its examples are held in memory."""
    examples: dict[str, list[Example]] = {}
    owners = []
    for language, path in sources.items():
        owners.append(sum(map(len, examples.values())) + TokenCache(_cache(folder, name, language)).examples)
        examples[language] = list(_examples(config, codec, path))
    return SampledRows(sampler(codec, examples), np.concatenate(owners))


def train_as(config: TrainConfig, inputs: TrainInputs[Path], checkpoint: Path, scratch: Path, group: Group, words: str) -> None:
    """What the other processes of a group do: the same steps, and nothing else."""
    prepared = prepare(config, inputs, scratch, group.device, words)
    Training(prepared.model, prepared.members, prepared.recipe, prepared.plan, checkpoint, group=group).run()
