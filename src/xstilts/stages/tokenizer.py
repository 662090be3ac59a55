"""tokenizer: train a SentencePiece Unigram tokenizer (Kudo 2018, arXiv 1804.10959) on plain text, with XLM-R's ids.

The pieces are found by the sentencepiece library on one thread, which gives the same bytes every time; the trainer of the
tokenizers library does not (its scores differ from run to run) and took four times as long. What is left is a plain
`tokenizer.json`. Text is normalised with NFKC and single blanks, in training and afterwards.

Ids: <s> 0, <pad> 1, </s> 2, <unk> 3, pieces, <mask> last; pairs are `<s> A </s></s> B </s>`.
"""

import io
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from xstilts.errors import InputError
from xstilts.formats.jsonl import read_jsonl
from xstilts.formats.mlm import MlmExample
from xstilts.stages.contracts import TokenizerConfig, TokenizerInputs
from xstilts.stages.job import Job

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
MASK = "<mask>"
PAIRS = processors.TemplateProcessing(
    single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
)


def run(job: Job[TokenizerConfig, TokenizerInputs[Path]]) -> None:
    """Leaves `tokenizer.json`. How many ids it has is in the run's facts: less than asked for if the text gives no more."""
    config = job.config
    texts = sample(job.inputs.train[config.corpus], config.smoothing, config.sample)
    backend = train_tokenizer(texts, config.vocabulary, config.coverage, config.corpus)
    job.check_stop()
    backend.save(str(job.out / "tokenizer.json"))
    job.facts |= {"ids": backend.get_vocab_size()}


def _texts(folder: Path) -> list[str]:
    examples = read_jsonl(folder / "examples.jsonl")
    return [text for example in examples if isinstance(example, MlmExample) for text in example.texts]


def quotas(sizes: Mapping[str, int], smoothing: float, budget: int) -> dict[str, int]:
    """Characters to take of each language: shares ~ size ** smoothing of the budget, or of all there is if that is less."""
    total = min(budget, sum(sizes.values()))
    parts = {language: size**smoothing for language, size in sizes.items() if size}
    whole = sum(parts.values())
    return {language: round(total * part / whole) for language, part in parts.items()}


def sample(folders: Mapping[str, Path], smoothing: float, budget: int) -> Iterator[str]:
    """Texts of each language in a shuffled order, as many as fill its quota; those of small languages come again."""
    sizes = {language: sum(map(len, _texts(folders[language]))) for language in sorted(folders)}
    for language, quota in quotas(sizes, smoothing, budget).items():
        texts = _texts(folders[language])
        rng = np.random.default_rng([0x70C, *language.encode()])
        while quota > 0:
            for place in rng.permutation(len(texts)):
                yield texts[place]
                quota -= len(texts[place])
                if quota <= 0:
                    break


def train_tokenizer(texts: Iterator[str], vocabulary: int, coverage: float, corpus: str) -> Tokenizer:
    """Raises InputError if there is no text, or more characters than ids."""
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(" ".join(unicodedata.normalize("NFKC", text).split()) for text in texts),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocabulary - 4,  # <unk> is among sentencepiece's
            hard_vocab_limit=False,
            character_coverage=coverage,
            normalization_rule_name="identity",
            max_sentence_length=1 << 24,
            num_threads=1,
            minloglevel=2,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
        )
    except RuntimeError as error:
        raise InputError(
            f"no tokenizer with {vocabulary} ids could be trained on {corpus}: {str(error).rpartition('] ')[2] or error}; "
            "ask for more ids, a lower `coverage` or more text"
        ) from None
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    found = [(pieces.id_to_piece(i), pieces.get_score(i)) for i in range(1, pieces.get_piece_size())]
    return unigram(found)


def unigram(pieces: list[tuple[str, float]]) -> Tokenizer:
    """Pieces with their log probabilities -> a tokenizer with the special tokens around them."""
    vocabulary = [*((token, 0.0) for token in SPECIAL), *pieces, (MASK, 0.0)]
    backend = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIAL.index("<unk>"), byte_fallback=False))
    blanks = normalizers.Replace(Regex(r"\s+"), " ")
    backend.normalizer = normalizers.Sequence([normalizers.NFKC(), blanks, normalizers.Strip()])
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    backend.decoder = decoders.Metaspace(prepend_scheme="always")
    backend.post_processor = PAIRS
    backend.add_special_tokens([*SPECIAL, AddedToken(MASK, lstrip=True, special=True)])
    return backend
