"""predict: the answers of one checkpoint to one task, one file a language. A lost worker loses one language.

Examples stream from their file through the model into the predictions' file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Self

from xstilts.formats.format import Example
from xstilts.formats.image_pair import ImagePairExample
from xstilts.formats.jsonl import count_lines, read_jsonl, write_predictions
from xstilts.formats.prediction import Prediction
from xstilts.model.codecs.codec import Encode
from xstilts.model.codecs.image_pair import ImagePairCodec
from xstilts.model.codecs.span import Ranked, SpanCodec
from xstilts.model.codecs.tag import TagCodec
from xstilts.model.encoder import round_linears
from xstilts.model.model import load_model, trunk_folder
from xstilts.model.segmentation import sample_by_id
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.stages.attack import CLEAN, SEEN, VARIANTS
from xstilts.stages.contracts import OCCLUSION, PredictConfig, PredictInputs
from xstilts.stages.device import device
from xstilts.stages.job import ExampleCounter, Job
from xstilts.stages.seen import SeenCounter
from xstilts.stages.train import codec_of
from xstilts.store.parts import keep_part, take_part
from xstilts.store.store import write_json
from xstilts.train.evaluate import WINDOW, measure_margins, predict, rank_answers
from xstilts.train.occlusion import measure_occlusion

MANY = 0.25
LOOKS = 8  # examples of which it is measured where a model looks


class Predictor:
    """A finished checkpoint (the `out/` folder of its stage) with the head and the recipe of a predict stage, on its device.
    `pictures`: the `out/` folder of the vectors of the task's pictures, if it has any. Raises InputError if words are to be cut
    at random and its tokenizer cannot."""

    def __init__(self, folder: Path, config: PredictConfig, pictures: Path | None = None):
        self.head = config.head
        recipe = Recipe(**asdict(config.recipe))
        self.codec = codec_of(config.format, load_tokenizer(trunk_folder(folder)), recipe, pictures)
        self.encode: Encode = self.codec.encode
        if config.cuts:
            self.encode = sample_by_id(self.codec, config.cuts.alpha, config.cuts.seed)
        self.model = load_model(folder, config.head, self.codec).to(device())
        if config.recipe.precision == "bf16":
            round_linears(self.model.encoder)

    def answer(
        self, examples: Iterable[Example], on_batch: Callable[[int], None] = lambda _: None, window: int = WINDOW
    ) -> Iterator[Prediction]:
        """A prediction for each example, in their order, as a stream; see `train.evaluate.predict`."""
        return predict(self.model, self.head, self.codec, examples, on_batch, window, self.encode)

    def margins(self, examples: Sequence[Example]) -> list[float]:
        """See `train.evaluate.measure_margins`."""
        return measure_margins(self.model, self.head, self.codec, examples, self.encode)

    def rank(self, examples: Sequence[Example]) -> list[list[Ranked]]:
        """Of question answering; see `train.evaluate.rank_answers`."""
        assert isinstance(self.codec, SpanCodec)
        return rank_answers(self.model, self.head, self.codec, examples, self.encode)

    def cut(self, alpha: float, seed: int) -> Self:
        """The same with words cut at random. Raises InputError if the tokenizer cannot."""
        other = copy(self)
        other.encode = sample_by_id(self.codec, alpha, seed)
        return other


def run(job: Job[PredictConfig, PredictInputs[Path]]) -> None:
    """Leaves `<language>.jsonl`, one prediction a line; in the run's record, for each language, `unreached`: how many examples
    have an answer that no row of tokens holds; `bare_words`: the share of words whose tag is read off a token with nothing in it,
    where it is above MANY; and of attacked examples `seen`: the share whose token ids are not those of the clean example, which
    is also left as SEEN. Of pictures also OCCLUSION (`_measure_looks`)."""
    config = job.config
    predictor = Predictor(job.inputs.model, config, job.inputs.pictures)
    codec = predictor.codec
    unreached: dict[str, int] = {}
    seen: dict[str, float] = {}
    files = {language: job.inputs.test[language] / "examples.jsonl" for language in config.languages}
    sizes = {language: count_lines(path) for language, path in files.items()}
    counter = ExampleCounter(job, sizes)
    for language, path in files.items():
        counter.begin(language)
        facts = take_part(job.checkpoint, language, job.out, sizes[language])
        if facts is None:
            counted = copy(predictor)
            if (path.parent / CLEAN).is_file():
                counted.encode = SeenCounter(predictor.encode, codec.encode, path.parent)
            codec.unreached.clear()
            made = job.out / f"{language}.jsonl"
            write_predictions(made, counted.answer(read_jsonl(path), counter.tell))
            share = counted.encode.share if isinstance(counted.encode, SeenCounter) else None
            facts = {"unreached": len(codec.unreached), **({} if share is None else {"seen": share})}
            keep_part(job.checkpoint, language, [made], sizes[language], facts)
        unreached[language] = facts["unreached"]
        seen |= {language: facts["seen"]} if "seen" in facts else {}
        job.check_stop()
    if isinstance(codec, ImagePairCodec):
        _measure_looks(job, predictor, codec)
    if missed := {language: count for language, count in unreached.items() if count}:
        job.facts["unreached"] = missed
    if seen:
        job.facts["seen"] = {language: round(share, 3) for language, share in seen.items()}
        write_json(job.out / SEEN, seen)
    if isinstance(codec, TagCodec) and config.recipe.word_state == "first":
        shares = {language: round(codec.share_of_bare_words(read_jsonl(path)), 3) for language, path in files.items()}
        job.facts["bare_words"] = {language: share for language, share in shares.items() if share > MANY}


def _measure_looks(job: Job[PredictConfig, PredictInputs[Path]], predictor: Predictor, codec: ImagePairCodec) -> None:
    """Leave OCCLUSION: of a few clean examples of the first language (English if there is any), by how much the margin of the
    answer falls without each vector of the picture."""
    language = "en" if "en" in job.config.languages else job.config.languages[0]
    folder = job.inputs.test[language]
    if (folder / VARIANTS).is_file():
        return
    found = [e for e in read_jsonl(folder / "examples.jsonl") if isinstance(e, ImagePairExample) and e.picture and e.answer]
    some = sorted(found, key=lambda example: sha256(example.id.encode()).digest())[:LOOKS]
    if some:
        falls = measure_occlusion(predictor.model, predictor.head, codec, some)
        record = {example.id: own_K.round(4).tolist() for example, own_K in zip(some, falls, strict=True)}
        write_json(job.out / OCCLUSION, {"language": language, "falls": record})
