"""The code of model cards, run on a tiny encoder of each type: it gives the predictions and vectors of the study."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from tests.model.codecs.test_codecs import SPECS
from tests.model.codecs.test_image_pair import EXAMPLES, Album
from tests.model.tiny_encoders import make_encoder
from xstilts.export.snippets import write_snippet
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify
from xstilts.formats.image_pair import ImagePair
from xstilts.formats.span import Span, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.architectures import ENCODER_TYPES
from xstilts.model.codecs.image_pair import ImagePairCodec
from xstilts.model.codecs.registry import CODECS
from xstilts.model.codecs.span import best_answer
from xstilts.model.embedding import embed
from xstilts.model.encoder import load_encoder
from xstilts.model.model import fresh_model, save_model
from xstilts.model.neighbours import mine_pairs
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.stages.contracts import EmbedConfig, PredictConfig, PredictRecipe, RetrievalSetting
from xstilts.stages.export import HEAD_FILE, write_folder
from xstilts.train.evaluate import predict

pytestmark = pytest.mark.tiny

QUESTION = "is the tower old or is a human in the tower or is the tower in a human ?"
CONTEXT = "the tower is old . Die Türme sind alt , sagt ein Mensch . " * 4
MORE: list[tuple[Any, Any]] = [
    (
        Span(no_answer=True),
        [
            *(SpanExample(str(n), QUESTION[n:], CONTEXT[n * 9 :], None) for n in range(6)),
            *(SpanExample(word, "is bo ?", word, None) for word in ("bo", "mi", "the", "塔", "old", "Mensch")),  # often no answer
        ],
    ),
    (
        Tag(("N", "V", "X")),
        [
            TagExample("a", ("塔", "is", "\u200b", "Mensch", "башни", ".", "bomi" * 40), None),
            TagExample(
                "b", ("the", "tower", "is", "old", "and", "a", "human", "is", "in", "a", "tower", "of", "中文", "."), None
            ),
            TagExample("c", (), None),
        ],
    ),
]


@pytest.fixture(scope="module", params=sorted(ENCODER_TYPES))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `out/` folder of an encoder stage."""
    found = tmp_path_factory.mktemp(request.param)
    make_encoder(found / "encoder", request.param)
    return found


def run(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the code of a card defines, run in the exported folder."""
    monkeypatch.chdir(folder)
    found: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), found)
    return found


def ask(snippet: dict[str, Any], spec: Any, example: Any) -> Any:
    match spec:
        case Classify():
            return snippet["classify"](*example.texts)
        case ImagePair():
            return snippet["classify"](
                Album().read([Album().place(example.picture)])[0] if example.picture else None, example.text
            )
        case Choice():
            return snippet["choose"](example.prompt, list(example.choices))
        case Tag():
            return tuple(snippet["tag"](list(example.words)))
        case _:
            return snippet["answer"](example.question, example.context)


PICTURES = (ImagePair(("yes", "no")), EXAMPLES)
CASES = [(*case, "first") for case in (*SPECS, *MORE, PICTURES)] + [(*MORE[1], "next"), (*MORE[1], "mean")]


@pytest.mark.parametrize(("spec", "examples", "word_state"), CASES, ids=lambda x: getattr(x, "name", ""))
def test_the_code_predicts_what_the_study_predicts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: Any, examples: Any, word_state: Any
) -> None:
    recipe = PredictRecipe(24, 6, "fp32", word_state)
    codec = CODECS[spec.name](spec, load_tokenizer(folder / "encoder"), Recipe(max_length=24, stride=6, word_state=word_state))
    if isinstance(codec, ImagePairCodec):
        codec.pictures = Album()
    torch.manual_seed(1)
    model = fresh_model(folder, {"t": codec}, None).eval()
    for weight in model.head("t").parameters():
        torch.nn.init.normal_(weight, std=0.5)  # so that answers differ
    save_model(model, {"t": spec}, folder / "encoder", tmp_path / "stage")
    name = write_folder(tmp_path / "stage", tmp_path / "hf", "t", word_state)
    assert (tmp_path / "hf" / HEAD_FILE).exists() == (name == "AutoModel"), "no head is lost"
    assert json.loads((tmp_path / "hf" / "config.json").read_text()).get("word_state") == (
        word_state if spec.name == "tag" else None
    )
    code = write_snippet(tmp_path / "hf", name, PredictConfig("t", "t", spec, ("en",), recipe), None)
    assert max(map(len, code.splitlines())) <= 130
    snippet = run(code, tmp_path / "hf", monkeypatch)
    found = [ask(snippet, spec, example) for example in examples]
    assert found == [prediction.answer for prediction in predict(model, "t", codec, examples)]


@pytest.mark.parametrize("low", [0, 1, 2, None])
def test_there_is_no_answer_only_if_no_window_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, low: int | None) -> None:
    """The lowest null score of all windows counts, wherever it is: a model that is sure of no answer in the others."""
    spec, recipe = Span(no_answer=True), PredictRecipe(24, 6, "fp32", "first")
    make_encoder(tmp_path / "encoder", "xlm-roberta")
    codec = CODECS["span"](spec, load_tokenizer(tmp_path / "encoder"), Recipe(max_length=24, stride=6))
    save_model(fresh_model(tmp_path, {"t": codec}, None), {"t": spec}, tmp_path / "encoder", tmp_path / "stage")
    name = write_folder(tmp_path / "stage", tmp_path / "hf", "t", "first")
    snippet = run(
        write_snippet(tmp_path / "hf", name, PredictConfig("t", "t", spec, ("en",), recipe), None), tmp_path / "hf", monkeypatch
    )
    seen = 0

    def answer_anywhere(input_ids: torch.Tensor, **_: Any) -> SimpleNamespace:
        nonlocal seen
        logits = torch.ones_like(input_ids, dtype=torch.float32)  # a span has 1 + 1
        logits[0, 0] = 0.5 if seen == low else 1.5
        seen += 1
        return SimpleNamespace(start_logits=logits, end_logits=logits)

    snippet["model"] = answer_anywhere
    answer = snippet["answer"]("is the tower old ?", CONTEXT)
    assert seen >= 3
    assert bool(answer) == (low is not None)
    nulls = [1.0 if window == low else 3.0 for window in range(seen)]
    assert bool(best_answer([(2.0, 1, 4, null) for null in nulls], True)[1]) == (low is not None), "as the study does"


TEXTS = ["the tower is old .", "", "塔 中文", "a human is in the tower . " * 12, "bo"]


@pytest.mark.parametrize(
    ("layer", "pooling", "centred", "prefix"),
    [("last", "mean", False, ""), (1, "mean_content", True, 'query: "'), ("last", "cls", False, "")],
)
def test_the_code_makes_the_vectors_of_the_study(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: Any, pooling: str, centred: bool, prefix: str
) -> None:
    name = write_folder(folder, tmp_path / "hf", None)
    assert name == "AutoModel"
    config = EmbedConfig("t", "embed", ("en",), 32, "fp32", "all", (pooling,), prefix)
    code = write_snippet(tmp_path / "hf", name, config, RetrievalSetting(layer, pooling, centred))
    encoder: Any = load_encoder(folder / "encoder").eval()
    number = encoder.config.num_hidden_layers if layer == "last" else layer
    vectors = np.zeros((1, 1, len(TEXTS), encoder.config.hidden_size), dtype=np.float32)
    texts = [prefix + text for text in TEXTS]
    embed(encoder, load_tokenizer(folder / "encoder"), texts, 32, [number], [pooling], 2048, vectors, lambda _: None)
    expected = vectors[0, 0] - vectors[0, 0].mean(0) if centred else vectors[0, 0]
    snippet = run(code, tmp_path / "hf", monkeypatch)
    np.testing.assert_allclose(snippet["embed"](TEXTS).numpy(), expected, rtol=1e-4, atol=1e-5)
    assert snippet["nearest"](torch.eye(3), torch.eye(3)[[2, 0, 1]])[0][0] == 1


def test_the_code_of_mining_finds_the_pairs_of_the_study(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(folder, tmp_path / "hf", None)
    config = EmbedConfig("t", "mine", ("de",), 32, "fp32", "all", ("mean",))
    code = write_snippet(tmp_path / "hf", "AutoModel", config, RetrievalSetting("last", "mean", False))
    assert max(map(len, code.splitlines())) <= 130
    snippet = run(code, tmp_path / "hf", monkeypatch)
    for seed, (n, m) in enumerate(((40, 30), (30, 40), (3, 2), (1, 1))):
        torch.manual_seed(seed)
        x_ND = torch.randn(n, 8)
        y_MD = torch.cat([x_ND[: m // 2] + 0.3 * torch.randn(m // 2, 8), torch.randn(m - m // 2, 8)])
        scores, queries, candidates = mine_pairs(x_ND, y_MD, k=4)
        found = snippet["mine"](x_ND, y_MD)
        assert [(q, c) for _, q, c in found] == list(zip(queries.tolist(), candidates.tolist(), strict=True))
        np.testing.assert_allclose([score for score, *_ in found], scores, rtol=1e-5)
        cut = float(scores[len(scores) // 2]) if len(scores) else 0.0
        assert len(snippet["mine"](x_ND, y_MD, cut - 1e-5)) == sum(scores >= cut - 1e-5)


def test_a_ranker_reads_fewer_tokens_of_a_query(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(folder, tmp_path / "hf", None)
    config = EmbedConfig("t", "rank", ("en",), 60, "fp32", "last", ("cls",))
    code = write_snippet(tmp_path / "hf", "AutoModel", config, RetrievalSetting("last", "cls", False))
    assert "max_length=60" in code and 'replace("\\n", "")' in code
    assert run(code, tmp_path / "hf", monkeypatch)["candidates"].shape[0] == 2


def test_pipelines_read_what_the_model_was_trained_on(folder: Path, tmp_path: Path) -> None:
    """No token types for a model that takes none."""
    spec = Tag(("N", "V"))
    codec = CODECS["tag"](spec, load_tokenizer(folder / "encoder"), Recipe(max_length=24, stride=6))
    save_model(fresh_model(folder, {"t": codec}, None), {"t": spec}, folder / "encoder", tmp_path / "stage")
    if write_folder(tmp_path / "stage", tmp_path / "hf", "t") == "AutoModel":
        pytest.skip("transformers has no such head")
    tagger: Any = transformers.pipeline("token-classification", model=str(tmp_path / "hf"))
    assert {found["entity"] for found in tagger("the tower is old .")} <= {"N", "V"}
