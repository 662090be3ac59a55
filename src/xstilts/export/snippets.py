"""The code of a model card: it loads the exported folder and predicts as the study did, with nothing but transformers.

There is a template for each format that has predictions, and one for vectors. What the study decides (lengths, windows, the state
of a word, layer, pooling, prefix) stands in the code as numbers and words.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2

from xstilts.formats.ranking import MAX_QUERY_TOKENS
from xstilts.formats.registry import FORMATS
from xstilts.stages.contracts import EmbedConfig, PredictConfig, RetrievalSetting
from xstilts.stages.export import HEAD_FILE
from xstilts.stages.vectors import resolve_layer

POOLINGS = {
    "mean": "the mean over all tokens",
    "mean_content": "the mean over the tokens that are not special",
    "cls": "the first token",
}


def templates() -> jinja2.Environment:
    """The environment of the card's templates, which are text."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("xstilts.export", "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )


def write_snippet(folder: Path, name: str, config: PredictConfig | EmbedConfig, setting: RetrievalSetting | None) -> str:
    """Python for an exported folder that the class `name` loads. `config` is that of the stage that predicted or embedded, and
    `setting` says which vectors were scored. Empty for a format that has no template."""
    fields = _describe_vectors(folder, config, setting) if isinstance(config, EmbedConfig) else _describe_head(folder, config)
    environment = templates()
    template = f"{'vectors' if isinstance(config, EmbedConfig) else config.format.name}.py.j2"
    if template not in environment.list_templates():
        return ""
    return environment.get_template(template).render(name=name, headed=(folder / HEAD_FILE).is_file(), **fields)


def _describe_head(folder: Path, config: PredictConfig) -> dict[str, Any]:
    from xstilts.model.codecs import span
    from xstilts.model.codecs.registry import CODECS
    from xstilts.model.tokenizer import frame, load_tokenizer, needs_blank
    from xstilts.recipe.recipe import Recipe

    tokenizer = load_tokenizer(folder)
    before, after = frame(tokenizer)
    fields = {
        "format": config.format,
        "recipe": config.recipe,
        "before": before,
        "after": after,
        "blank": needs_blank(tokenizer),
        "unknown": tokenizer.pad_token_id if tokenizer.unk_token_id is None else tokenizer.unk_token_id,
    }
    codec = CODECS[config.format.name](config.format, tokenizer, Recipe(**asdict(config.recipe)))
    if isinstance(codec, span.SpanCodec):
        fields |= {"question_tokens": codec.question_tokens, "stride": codec.overlap}
        fields |= {"n_best": span.N_BEST, "answer_tokens": span.MAX_ANSWER_TOKENS}
    return fields


def _describe_vectors(folder: Path, config: EmbedConfig, setting: RetrievalSetting | None) -> dict[str, Any]:
    from transformers import AutoConfig

    from xstilts.model.architectures import encoder_type

    assert setting is not None
    encoder = AutoConfig.from_pretrained(folder)
    longest = min(config.max_length, encoder_type(encoder.model_type).max_positions(encoder))
    return {
        "format": FORMATS[config.format],
        "layer": resolve_layer(setting.layer, encoder.num_hidden_layers, config.format),
        "pooling": setting.pooling,
        "words": POOLINGS[setting.pooling] + (", less their mean" if setting.centred else ""),
        "centred": setting.centred,
        "prefix": f"{json.dumps(config.prefix, ensure_ascii=False)} + " if config.prefix else "",
        "max_length": longest,
        "query_tokens": min(MAX_QUERY_TOKENS, longest),
    }
