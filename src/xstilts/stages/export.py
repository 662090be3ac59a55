"""export: one trained cell as a Hugging Face folder that `AutoModelFor...from_pretrained` loads, in transformers 4.57 too.

Our heads compute what the library's heads of the same name compute at test time; only the names of their weights differ.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.formats.format import Format
from xstilts.stages.stage import Stage
from xstilts.store.store import Store


def export_cell(store: Store, checkpoint: Stage, folder: Path) -> str:
    """Write the folder; gives the name of the class that loads it. Raises InputError if the cell is not trained."""
    source = store.outputs(checkpoint.kind, checkpoint.slug, checkpoint.key)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: not empty; give a new folder with --out")
    return write_folder(source, folder)


def _only_head(source: Path, formats: Mapping[str, Format]) -> str | None:
    """The task whose head is exported: the only one, or any of those that share one head; None if there are several."""
    if not formats:
        return None
    from safetensors.torch import load_file

    first, *others = formats
    tensors = load_file(source / "heads.safetensors")
    names = [name.removeprefix(f"{first}.") for name in tensors if name.startswith(f"{first}.")]
    same = all(
        formats[task] == formats[first] and all(tensors[f"{task}.{n}"].equal(tensors[f"{first}.{n}"]) for n in names)
        for task in others
    )
    return first if same else None


def write_folder(source: Path, folder: Path) -> str:
    """Turn the `out/` folder of a `train` (or `encoder`) stage into a plain Hugging Face folder."""
    import transformers

    from xstilts.model.architectures import encoder_type
    from xstilts.model.codecs.registry import CODECS
    from xstilts.model.encoder import save_encoder
    from xstilts.model.model import head_formats, load_model, trunk_folder
    from xstilts.model.tokenizer import load_tokenizer
    from xstilts.recipe.recipe import Recipe

    transformers.utils.logging.disable_progress_bar()
    trunk = trunk_folder(source)
    formats = head_formats(source)
    task = _only_head(source, formats)
    config = transformers.AutoConfig.from_pretrained(trunk)
    name = "AutoModel" if task is None else CODECS[formats[task].name].export or "AutoModel"
    names = encoder_type(config.model_type).heads.get(name)
    if task is None or names is None:  # several heads, one without weights of its own, or one that transformers does not have
        name = "AutoModel"
        model: Any = transformers.AutoModel.from_pretrained(trunk)
    else:
        spec = formats[task]
        trained = load_model(source, task, CODECS[spec.name](spec, load_tokenizer(trunk), Recipe()))
        if labels := getattr(spec, "labels", ()):
            config.id2label = dict(enumerate(labels))
            config.label2id = {label: i for i, label in enumerate(labels)}
        model = getattr(transformers, name).from_config(config)
        theirs: dict[str, Any] = {f"{model.base_model_prefix}.{n}": t for n, t in trained.encoder.state_dict().items()}
        for parameter, tensor in trained.head(task).state_dict().items():
            part, dot, rest = parameter.rpartition(".")
            target = names[part] if dot else names[rest]
            theirs[f"{target}.{rest}" if dot else target] = tensor
        missing, unexpected = model.load_state_dict(theirs, strict=False)
        tied = model.all_tied_weights_keys
        left = [n for n in missing if "position_ids" not in n and n not in tied]
        if left or unexpected:
            raise InputError(f"export: this encoder's architecture has other parts than expected ({left or unexpected})")
    save_encoder(model, trunk, folder)
    return name
