"""The encoders that xstilts knows: one row for each `model_type` of transformers. Without torch, so that a plan can read it.

A row says what the library does not: how attention is computed, which fields of the config are its dropout, where positions
begin, where the blocks are, whether sequences can be laid end to end, and the names of the weights of heads that transformers
has for it. An encoder of another type is refused by name, before anything is read of it but its config.json.
`tests/model/test_architectures.py` trains, predicts, embeds and exports a tiny encoder of each row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from xstilts.errors import InputError


@dataclass(frozen=True)
class EncoderType:
    """`known_as`: models of this type. `attention`: transformers' implementation; `windows`: most blocks see only neighbouring
    tokens. `dropouts`: the fields of the config that hold its dropout; the heads take the first. `positions_behind_padding`:
    positions are numbered from the padding id + 1. `epsilon`: the config's field of the layer norms' epsilon (None: it is 1e-12).
    `blocks`: the module that lists the blocks. `unpadded`: sequences can be laid
    end to end (`unpadding.py`). `heads`: transformers' class -> our head's parameters -> theirs, where both compute the same
    (export, and the start of masked language modelling)."""

    model_type: str
    known_as: str
    attention: Literal["sdpa", "eager"] = "sdpa"
    windows: bool = False
    dropouts: tuple[str, ...] = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    positions_behind_padding: bool = False
    epsilon: str | None = "layer_norm_eps"
    blocks: str = "encoder.layer"
    unpadded: bool = False
    heads: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def first_position(self, config: Any) -> int:
        """The number of the first token's position, given transformers' config."""
        return int(config.pad_token_id) + 1 if self.positions_behind_padding else 0

    def max_positions(self, config: Any) -> int:
        """How many tokens the encoder can number, given transformers' config."""
        return int(config.max_position_embeddings) - self.first_position(config)

    def norm_epsilon(self, config: Any) -> float:
        """The epsilon of its layer norms, given transformers' config."""
        return float(getattr(config, self.epsilon)) if self.epsilon else 1e-12

    def mlm_head(self) -> Mapping[str, str]:
        """Parameters of our masked-language-modelling head -> their names in a pretrained folder; {} if they do not fit."""
        return self.heads.get("AutoModelForMaskedLM", {})


_CLASSIFY, _CHOICE = "AutoModelForSequenceClassification", "AutoModelForMultipleChoice"
_TAG = {"AutoModelForTokenClassification": {"linear": "classifier"}}
_SPAN = {"AutoModelForQuestionAnswering": {"linear": "qa_outputs"}}


def _mlm(dense: str, layer_norm: str, bias: str) -> dict[str, Mapping[str, str]]:
    return {"AutoModelForMaskedLM": {"dense": dense, "layer_norm": layer_norm, "bias": bias}}


_BERT_MLM = _mlm("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias")
_ROBERTA_HEADS: dict[str, Mapping[str, str]] = {
    _CLASSIFY: {"dense": "classifier.dense", "out_proj": "classifier.out_proj"},
    _CHOICE: {"dense": "roberta.pooler.dense", "out_proj": "classifier"},
    **_TAG,
    **_SPAN,
    **_mlm("lm_head.dense", "lm_head.layer_norm", "lm_head.bias"),
}


def _pooled(trunk: str) -> dict[str, Mapping[str, str]]:
    """Heads on BERT's pooler (dense, tanh) of the first token."""
    names = {"dense": f"{trunk}.pooler.dense", "out_proj": "classifier"}
    return {_CLASSIFY: names, _CHOICE: names}


_ROWS = (
    EncoderType(
        "xlm-roberta",
        "XLM-R (base, large), XLM-V, InfoXLM, XLM-Align, multilingual E5 (base, large), BGE-M3",
        positions_behind_padding=True,
        unpadded=True,
        heads=_ROBERTA_HEADS,
    ),
    EncoderType("xlm-roberta-xl", "XLM-R XL and XXL", positions_behind_padding=True, unpadded=True, heads=_ROBERTA_HEADS),
    EncoderType("roberta", "RoBERTa", positions_behind_padding=True, unpadded=True, heads=_ROBERTA_HEADS),
    EncoderType("camembert", "CamemBERT", positions_behind_padding=True, unpadded=True, heads=_ROBERTA_HEADS),
    EncoderType(
        "bert",
        "multilingual BERT, LaBSE, multilingual E5 small",
        unpadded=True,
        heads={**_pooled("bert"), **_TAG, **_SPAN, **_BERT_MLM},
    ),
    EncoderType(
        "distilbert",
        "multilingual DistilBERT",
        dropouts=("dropout", "attention_dropout"),
        epsilon=None,
        blocks="transformer.layer",
        heads={**_TAG, **_SPAN, **_mlm("vocab_transform", "vocab_layer_norm", "vocab_projector.bias")},
    ),
    EncoderType("deberta-v2", "mDeBERTa v3", attention="eager", heads={**_TAG, **_SPAN, **_BERT_MLM}),
    EncoderType(
        "modernbert",
        "ModernBERT, mmBERT",
        windows=True,
        dropouts=("mlp_dropout", "attention_dropout", "embedding_dropout"),
        epsilon="norm_eps",
        blocks="layers",
    ),
    EncoderType("eurobert", "EuroBERT", dropouts=("attention_dropout",), epsilon="rms_norm_eps", blocks="layers", heads={**_TAG}),
    EncoderType("rembert", "RemBERT", attention="eager", heads={**_pooled("rembert"), **_TAG, **_SPAN}),
    EncoderType("electra", "ELECTRA (discriminators)", heads={**_TAG, **_SPAN}),
)
ENCODER_TYPES: dict[str, EncoderType] = {row.model_type: row for row in _ROWS}


def encoder_type(model_type: str) -> EncoderType:
    """The row of a `model_type`. Raises InputError for one that has none."""
    if model_type not in ENCODER_TYPES:
        raise InputError(
            f"encoder: its type (`model_type`) '{model_type}' is not one that xstilts knows; `xstilts encoders` lists those. "
            "Code that comes with a model is never run"
        )
    return ENCODER_TYPES[model_type]
