"""Words that a masked language model would put in the place of others: the pretrained encoder that a model began as, with its own
head. Shapes: P words of an example, V words to choose from."""

from collections.abc import Iterator

import torch
from transformers.utils.logging import set_verbosity_error

from xstilts.attacks.edits import list_places, parts
from xstilts.data.script import find_script
from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.mlm import Mlm
from xstilts.model.codecs.codec import IGNORED, Feature
from xstilts.model.codecs.mlm import MlmCodec
from xstilts.model.encoder import mlm_head_weights
from xstilts.model.model import Model, fresh_model, head_formats, load_model, trunk_folder
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.stages.device import device
from xstilts.stages.stage import Checkpoint, TrainStage
from xstilts.stages.white_box import list_words
from xstilts.store.store import Store

EACH = 48  # words that are proposed for a place


class MaskedWords:
    """(number of the word, new word) for each word of an example, the likeliest first (`Propose`). A word is masked in its own
    text, and the text stands alone. Raises InputError if no masked-language-modelling head is there."""

    def __init__(self, store: Store, checkpoint: Checkpoint, language: str):
        self._model, self._codec, self._task = _load(store, checkpoint)
        script = find_script(language)
        assert script is not None, "other languages are left out"
        self._words, ids = list_words(self._codec.tokenizer, script.name)
        self._ids_V = torch.tensor(ids, device=device())

    def __call__(self, example: Example) -> list[tuple[int, str]]:
        tokenizer, places = self._codec.tokenizer, list_places(example)
        texts = parts(example)
        masked = [texts[place.part][: place.start] + tokenizer.mask_token + texts[place.part][place.end :] for place in places]
        if not masked or not self._words:
            return []
        features = [Feature(i, [row]) for i, row in enumerate(self._codec.pair_ids(masked))]
        batch = {name: tensor.to(device()) for name, tensor in self._codec.collate(features).items()}
        here_BL = batch["input_ids"] == tokenizer.mask_token_id
        batch["labels"] = torch.where(here_BL, batch["input_ids"], IGNORED)
        with torch.inference_mode():
            head = self._model.head(self._task)
            logits_NC = self._codec.logits(head, self._codec.hidden(self._model.encoder, head, batch), batch)
            best_NE = logits_NC[:, self._ids_V].topk(min(EACH, len(self._words)), dim=-1).indices
        numbers = here_BL.nonzero()[:, 0].tolist()  # a mask may have been cut off
        return [
            (number, self._words[word])
            for number, words in zip(numbers, best_NE.tolist(), strict=True)
            for word in words
            if self._words[word].casefold() != places[number].word.casefold()
        ]


def _load(store: Store, checkpoint: Checkpoint) -> tuple[Model, MlmCodec, str]:
    """The first model on the way from the encoder to a checkpoint that has a masked-language-modelling head."""
    set_verbosity_error()  # transformers reports a head that the trunk does not take; it is read apart
    for stage in reversed(list(_trace(checkpoint))):
        folder = store.outputs(stage.kind, stage.slug, stage.key)
        codec = MlmCodec(Mlm(), load_tokenizer(trunk_folder(folder)), Recipe())
        if isinstance(stage, TrainStage):
            task = next((task for task, form in head_formats(folder).items() if isinstance(form, Mlm)), "")
            model = load_model(folder, task, codec) if task else None
        else:
            task = "mlm"
            found = mlm_head_weights(trunk_folder(folder))
            model = fresh_model(folder, {task: codec}, None) if found else None
        if model:
            return model.eval().to(device()), codec, task
    raise InputError(
        "substitute: the encoder has no masked-language-modelling head, so it proposes no words; take a cell of an encoder that "
        "has one (XLM-R has, multilingual E5 has none)"
    )


def _trace(checkpoint: Checkpoint) -> Iterator[Checkpoint]:
    yield checkpoint
    while isinstance(checkpoint, TrainStage):
        init = checkpoint.inputs.init
        assert isinstance(init, Checkpoint)
        yield (checkpoint := init)
