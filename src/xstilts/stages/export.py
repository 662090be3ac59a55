"""export: a trained model as a Hugging Face folder that `from_pretrained` loads, in transformers 4.57 too.

Where a head of transformers computes the same as ours at test time, only the names of its weights change. Where it has none
(ModernBERT), or one that computes something else, the folder has the encoder, and beside it the head's weights by our names in
`head.safetensors`. The config has the labels and, of a tagger, `word_state`: which state of a word its tag is read off.
"""

import json
import os
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.recipe.recipe import WordState
from xstilts.stages.stage import Checkpoint
from xstilts.store.store import Store

HEAD_FILE = "head.safetensors"


def export_encoder(store: Store, trained: Checkpoint, folder: Path) -> str:
    """Write the end of a pre-training, with its language modelling head. Gives the name of the class that loads it. Raises
    InputError if the store does not have it."""
    from xstilts.model.model import head_formats

    source = store.outputs(trained.kind, trained.slug, trained.key)
    return write_folder(source, folder, next(iter(head_formats(source)), None))


def write_folder(source: Path, folder: Path, task: str | None, word_state: WordState = "first") -> str:
    """Turn the `out/` folder of a `train` or `encoder` stage into a plain Hugging Face folder with the head of `task`, or without
    a head. Gives the name of the class that loads it."""
    import transformers
    from safetensors.torch import save_file

    from xstilts.model.architectures import encoder_type
    from xstilts.model.codecs.registry import CODECS
    from xstilts.model.encoder import load_encoder, save_encoder
    from xstilts.model.model import head_formats, load_model, trunk_folder
    from xstilts.model.tokenizer import load_tokenizer
    from xstilts.recipe.recipe import Recipe

    transformers.utils.logging.disable_progress_bar()
    trunk = trunk_folder(source)
    tokenizer = load_tokenizer(trunk)
    name, head = "AutoModel", {}
    if task is None:
        model = encoder = load_encoder(trunk)
    else:
        spec = head_formats(source)[task]
        trained = load_model(source, task, CODECS[spec.name](spec, tokenizer, Recipe()))
        model = encoder = trained.encoder
        head = trained.head(task).state_dict()
        config: Any = encoder.config
        if labels := getattr(spec, "labels", ()):
            config.id2label = dict(enumerate(labels))
            config.label2id = {label: i for i, label in enumerate(labels)}
        if spec.name == "tag":
            config.word_state = word_state
        theirs = CODECS[spec.name].export or ""
        if names := encoder_type(config.model_type).heads.get(theirs):
            name = theirs
            model = _with_head(getattr(transformers, name).from_config(config), encoder, head, names)
    save_encoder(model, trunk, folder)
    if head and model is encoder:
        save_file(head, folder / HEAD_FILE, {"format": "pt"})
    _say_what_is_read(folder, encoder, tokenizer)
    give_usual_modes(folder)
    return name


def _with_head(model: Any, encoder: Any, head: Any, names: Any) -> Any:
    """Transformers' model with the weights of an encoder and of a head; `names`: our head's parameters -> theirs."""
    theirs: dict[str, Any] = {f"{model.base_model_prefix}.{n}": t for n, t in encoder.state_dict().items()}
    for parameter, tensor in head.items():
        part, dot, rest = parameter.rpartition(".")
        target = names[part] if dot else names[rest]
        theirs[f"{target}.{rest}" if dot else target] = tensor
    missing, unexpected = model.load_state_dict(theirs, strict=False)
    tied = model.all_tied_weights_keys
    left = [n for n in missing if "position_ids" not in n and n not in tied]
    if left or unexpected:
        raise InputError(f"export: this encoder's architecture has other parts than expected ({left or unexpected})")
    return model


def _say_what_is_read(folder: Path, encoder: Any, tokenizer: Any) -> None:
    """Make the exported tokenizer give what the model was trained on: token types only where they mean something (some models
    take none), and padding on the right."""
    from xstilts.model.encoder import has_token_types
    from xstilts.model.tokenizer import type_separator

    typed = has_token_types(encoder) and type_separator(tokenizer) is not None
    path = folder / "tokenizer_config.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    record["model_input_names"] = ["input_ids", *(["token_type_ids"] if typed else []), "attention_mask"]
    record["padding_side"] = "right"
    path.write_text(json.dumps(record, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def give_usual_modes(folder: Path) -> None:
    """Give the files of a folder the modes of any new file: safetensors makes its own readable by their owner only."""
    mask = os.umask(0o077)
    os.umask(mask)
    for path in folder.iterdir():
        path.chmod(0o666 & ~mask)
