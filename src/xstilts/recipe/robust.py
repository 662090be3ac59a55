"""Robust training: what a recipe's `robust` says. No torch; `train/robust.py` does it.

Noise is added to the *word* embeddings alone, before positions and the layer norm, and never to padding or special tokens.
`passes` is what a step costs in plain steps on the same rows: a forward pass and two backward products, for weights and inputs,
are one (training with as many FLOPs and no robustness is the control). Sizes are those of the papers, in their units, so they
mean less where an encoder's embeddings are larger; `noise` alone is measured in these.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, PrivateAttr, field_serializer, model_validator

from xstilts.attacks.attack import Attack
from xstilts.attacks.code_mixing.word_list import MIXED_BY_LIST, code_mix_from
from xstilts.data.yaml_records import LanguageCode, Record
from xstilts.errors import InputError
from xstilts.reading import expand_home

Distribution = Literal["gaussian", "uniform"]


class Noise(Record):
    """Random noise in place of clean embeddings. `size`: the root mean square norm of a token's noise, as a share of the mean
    norm of the word embeddings in its row. It has no default, since no paper gives one in this unit."""

    method: Literal["noise"]
    size: float = Field(ge=0)
    distribution: Distribution = "gaussian"
    passes: ClassVar[float] = 1.0


class R3F(Record):
    """The plain loss + `weight` x the symmetric divergence between the predictions with and without noise (Aghajanyan et al.
    2021, arXiv 2008.03156). `noise`: standard deviation (gaussian) or bound (uniform) of each coordinate. The defaults are those
    of the authors' criterion in fairseq (examples/rxf)."""

    method: Literal["r3f"]
    noise: float = Field(1e-5, ge=0)
    distribution: Distribution = "uniform"
    weight: float = Field(1.0, ge=0)
    passes: ClassVar[float] = 2.0


class FreeLB(Record):
    """The mean loss along `steps` - 1 steps of ascent (Zhu et al. 2020, arXiv 1909.11764). The noise of a row begins uniform with
    a norm of at most `init`, grows by `step` along its gradient at unit norm, and stays in a ball of `radius` (all three are
    norms over the whole row). All passes have the same dropout masks. The defaults are those of the authors' launch file for
    MNLI with RoBERTa Large."""

    method: Literal["freelb"]
    steps: int = Field(2, ge=1, le=20)
    step: float = Field(0.1, ge=0)
    init: float = Field(0.1, ge=0)
    radius: float = Field(0.3, gt=0)

    @property
    def passes(self) -> float:
        return float(self.steps)


class Smart(Record):
    """The plain loss + `weight` x the symmetric divergence of predictions under noise that one step of ascent made larger (Jiang
    et al. 2020, arXiv 1911.03437: its smoothness term, without the proximal point). Each coordinate begins gaussian with the
    standard deviation `noise`, moves by `step` times its gradient, which is scaled to a largest coordinate of 1 in its row, and
    stays within `radius`. `noise`, `step` and `weight` are those of the authors' code (namisan/mt-dnn), which has no radius; that
    of the paper is recalled here and was not read again."""

    method: Literal["smart"]
    noise: float = Field(1e-5, ge=0)
    step: float = Field(1e-3, ge=0)
    radius: float = Field(1e-5, ge=0)
    weight: float = Field(1.0, ge=0)
    passes: ClassVar[float] = 8 / 3  # two plain passes, and one without the gradients of weights


class Segmentation(Record):
    """Each visit of a row draws how its words are cut into pieces, in proportion to the probability of the cut ** `alpha` (Kudo
    2018, arXiv 1804.10959). The default is that of xTune for tagging with XLM-R (Zheng et al. 2021, arXiv 2106.08226; its script
    for udpos). The tokenizer must be a Unigram model."""

    method: Literal["segmentation"]
    alpha: float = Field(0.3, gt=0, le=100)
    passes: ClassVar[float] = 1.0


SHA256 = "sha256:"


class CodeMix(Record):
    """Each visit of a row draws words of its example, at most the `share` and at least one, which become translations from a
    word list (after Huang et al. 2021, arXiv 2104.08645: robust training by data). `share` has no default here, since none was
    read in a source. An example without a word that the list can replace is trained as it is.

    `words`: the file, laid out as for `code_mix_from`. `columns`: the languages of its two columns, if no first line says them.
    `languages`: those that translations are drawn from, by default all of the list. The file is read at once, and what is
    written of the recipe is its sha256: its bytes enter the key, and its path does not."""

    method: Literal["code_mix"]
    words: str = Field(min_length=1)
    share: float = Field(gt=0, le=1)
    languages: tuple[LanguageCode, ...] = ()
    columns: tuple[LanguageCode, ...] = ()
    passes: ClassVar[float] = 1.0
    _identity: str = PrivateAttr("")

    @model_validator(mode="after")
    def _identify(self) -> Self:
        if self.words.startswith(SHA256):
            self._identity = self.words
            return self
        try:
            self._identity = SHA256 + self.make_attack(expand_home(self.words)).declared
        except InputError as error:
            raise ValueError(str(error)) from None
        return self

    @field_serializer("words")
    def _write_words(self, _: str) -> str:
        return self._identity

    def make_attack(self, path: Path) -> Attack:
        """What replaces words, from the file of the list. Raises InputError, also if its bytes are not those of the recipe."""
        attack = code_mix_from(path, "code_mix", self.columns, parallel=False, others=self.languages)
        if self._identity not in ("", SHA256 + attack.declared):
            raise InputError(f"{path}: it changed since the plan was made; run again to plan with it as it is")
        return attack


Redrawn = Segmentation | CodeMix  # a training reads its rows anew at each visit, and is the plain one otherwise
METHODS = ("noise", "r3f", "freelb", "smart", "segmentation", "code_mix")


def _has_method(value: Any) -> Any:
    if isinstance(value, Mapping) and value.get("method") not in METHODS:
        raise ValueError(f"expected a `method` ({', '.join(METHODS)}), found {value.get('method')!r}")
    return value


Robust = Annotated[Noise | R3F | FreeLB | Smart | Segmentation | CodeMix, Discriminator("method"), BeforeValidator(_has_method)]


def check_robust(robust: Robust | None, format_name: str) -> None:
    """Raises InputError if a format cannot be trained so. The divergence of `r3f` and `smart` is between what the softmaxes of
    the loss are over: classes, candidates, the tags of each word, the tokens at each mask, and for a span the places of its
    start and of its end (their mean)."""
    mixed = [kind.name for kind in MIXED_BY_LIST]
    if isinstance(robust, CodeMix) and format_name not in mixed:
        raise InputError(
            f"recipe: robust: code_mix replaces words in the formats {', '.join(mixed)}, and this training task has the format "
            f"{format_name}; use another method, or leave it out (robust: null)"
        )
    if format_name == "rank" and robust is not None and not isinstance(robust, Segmentation):
        raise InputError(
            f"recipe: robust: {robust.method} does not fit ranking, whose rows are compared with those of all others; "
            "use method: segmentation, or leave it out (robust: null)"
        )


def describe_robust(robust: Robust) -> str:
    """The method and its numbers: `freelb (steps 2, step 0.1, init 0.1, radius 0.3)`."""
    fields = {name: _say(x) for name, x in robust.model_dump(exclude={"method"}).items() if x != ()}
    return f"{robust.method} ({', '.join(f'{name} {x}' for name, x in fields.items())})"


def _say(value: Any) -> str:
    """A value in words: languages without brackets, the beginning of a sha256."""
    text = " ".join(value) if isinstance(value, tuple) else str(value)
    return text[: len(SHA256) + 12] if text.startswith(SHA256) else text
