"""An encoder is loaded for certain, or refused with the reason; one of another form is brought into ours."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, normalizers, pre_tokenizers

from tests.model.tiny_encoders import TEXT, as_bert, make_encoder, write_tokenizer
from tests.model.tiny_encoders import sentencepiece as unigram
from xstilts.errors import InputError
from xstilts.model.encoder import check_encoder, complete_folder, load_encoder, mlm_head_weights
from xstilts.model.encoder_files import check_files
from xstilts.model.tokenizer import load_tokenizer
from xstilts.model.unpadding import last_states
from xstilts.recipe.encoder_identity import list_encoder_files
from xstilts.stages import contracts, encoder
from xstilts.stages.job import Job
from xstilts.stages.stage import Context

pytestmark = pytest.mark.tiny


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("whole"), "xlm-roberta")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(whole, tmp_path / "enc"))


def bring_in(folder: Path, tmp_path: Path) -> Path:
    """What the encoder stage makes of a folder."""
    out = tmp_path / "out"
    out.mkdir()
    source = contracts.FolderSource({})
    encoder.run(
        Job(contracts.EncoderConfig(source), contracts.EncoderInputs(), out, tmp_path, context=Context(folder=str(folder)))
    )
    return out / "encoder"


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})


def rename_weights(folder: Path, rename: Callable[[str], str]) -> None:
    change_weights(folder, lambda weights: {rename(name): tensor for name, tensor in weights.items()})


def change_config(folder: Path, **changes: Any) -> None:
    record = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**record, **changes}))


def add_words(folder: Path, count: int) -> None:
    backend = unigram()
    backend.add_tokens([f"word{i}" for i in range(count)])
    write_tokenizer(folder, backend)


def half(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return dict(sorted(weights.items())[1::2])


def replace_file(path: Path, make: Callable[[Path], Any]) -> None:
    path.unlink()
    make(path)


class Opens:
    """A pickle that runs code when it is loaded."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


def put_pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"a": Opens(folder / "it-ran")}, folder / "pytorch_model.bin")


# Each of these was accepted by an earlier version, which then trained from random weights.
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: rename_weights(f, lambda n: f"module.{n}"), r"\d+ of the \d+ weights of a xlm-roberta are not in its"),
        (lambda f: rename_weights(f, lambda n: n.replace("self", "own")), "are not in its files"),
        (
            lambda f: rename_weights(f, lambda n: n.replace("layer.", "block.")),
            "have no blocks of xlm-rob",
        ),
        (lambda f: change_weights(f, lambda w: {"nothing": torch.zeros(1)}), "have no blocks of xlm-roberta"),
        (lambda f: change_weights(f, half), "are not in its files"),
        (lambda f: change_config(f, num_hidden_layers=5), "hold 3 of 5 blocks"),
        (lambda f: change_config(f, num_hidden_layers=2), "hold 3 of 2 blocks"),
        (lambda f: change_config(f, model_type="bert"), "model_type is 'bert', but architectures names XLMRobertaForMaskedLM"),
        (lambda f: change_config(f, vocab_size=90), r"embed \d+ tokens, config.json says 90"),
        (lambda f: change_config(f, hidden_size=16), r"cannot be loaded \(some have another shape"),
        (lambda f: change_weights(f, lambda w: {n: t * float("nan") for n, t in w.items()}), "its states are not finite"),
        (lambda f: change_weights(f, lambda w: {n: t * 0 for n, t in w.items()}), "the same state for different texts"),
        (
            lambda f: change_config(f, model_type="new", auto_map={"AutoModel": "modeling.NewModel"}),
            r"its type \(`model_type`\) 'new' is not one",
        ),
        (lambda f: (f / "config.json").write_text('{"hidden_size": 3}'), "config.json has no `model_type`"),
        (lambda f: (f / "model.safetensors").unlink(), "no weights; expected model.safetensors"),
        (lambda f: (f / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n"), "is a Git LFS pointer"),
        (lambda f: (f / "tokenizer.json").write_text("version https://git-lfs.github.com/spec/v1\n"), "is a Git LFS pointer"),
        (lambda f: (f / "model.safetensors").write_bytes(b"12345678"), "model.safetensors cannot be read"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "tokenizer.json cannot be read"),
        (lambda f: (f / "model.safetensors.index.json").write_text("[]"), "index.json has no `weight_map` as JSON"),
        (lambda f: add_words(f, 900), r"the tokenizer does not fit: it has ids up to 9\d\d, the model's vocab_size is"),
        (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer; expected tokenizer.json"),
        (lambda f: replace_file(f / "model.safetensors", lambda path: path.symlink_to(os.devnull)), "this is a device"),
        (lambda f: replace_file(f / "config.json", os.mkfifo), "this is a pipe"),
        (lambda f: (f / "config.json").write_text("[" * 5000), "more than 100 deep"),
        (lambda f: (f / "config.json").write_text('{"a": ' + "9" * 5000 + "}"), "a number of more than 4,300 digits"),
        (lambda f: put_pickle(f), "pytorch_model.bin cannot be read .*could run code: use safetensors"),
    ],
)
def test_an_encoder_that_is_not_whole_is_refused(
    folder: Path, tmp_path: Path, damage: Callable[[Path], Any], message: str
) -> None:
    damage(folder)
    if message.startswith("no tokenizer"):
        (folder / "tokenizer_config.json").unlink()
    with pytest.raises(InputError, match=message) as error:
        bring_in(folder, tmp_path)
    said = str(error.value)
    assert f"encoder {folder}" in said and "weights_only" not in said and len(said) < 1_000
    assert not (folder / "it-ran").exists()


def test_most_of_it_is_said_when_the_plan_is_made(folder: Path) -> None:
    """Without torch, so before any stage runs."""
    change_config(folder, num_hidden_layers=5)
    with pytest.raises(InputError, match="hold 3 of 5 blocks"):
        check_files(folder)


@pytest.mark.parametrize("zipped", [True, False], ids=["", "before torch 1.6"])
def test_weights_of_bin_files_are_the_same_as_safetensors(folder: Path, whole: Path, tmp_path: Path, zipped: bool) -> None:
    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    (folder / "model.safetensors").unlink()
    found = bring_in(folder, tmp_path)
    assert {p.name for p in list_encoder_files(found)} == {p.name for p in list_encoder_files(whole)}
    for (name, a), (other, b) in zip(load_encoder(found).named_parameters(), load_encoder(whole).named_parameters(), strict=True):
        assert name == other and torch.equal(a, b)


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_shards_are_read_and_a_missing_one_is_named(folder: Path, whole: Path, tmp_path: Path, suffix: str) -> None:
    weights = sorted(load_file(folder / "model.safetensors").items())
    (folder / "model.safetensors").unlink()
    stem, parts, index = "model" if suffix == "safetensors" else "pytorch_model", (weights[:20], weights[20:]), {}
    for number, part in enumerate(parts, start=1):
        name = f"{stem}-0000{number}-of-00002.{suffix}"
        if suffix == "bin":
            torch.save(dict(part), folder / name)
        else:
            save_file(dict(part), folder / name, {"format": "pt"})
        index |= {weight: name for weight, _ in part}
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    found = bring_in(folder, tmp_path)
    for a, b in zip(load_encoder(found).parameters(), load_encoder(whole).parameters(), strict=True):
        assert torch.equal(a, b)
    (folder / f"{stem}-00002-of-00002.{suffix}").unlink()
    with pytest.raises(InputError, match=f"names {stem}-00002-of-00002.{suffix}, which is not there"):
        check_files(folder)


def test_layer_norms_of_the_first_bert_files_are_called_gamma_and_beta(tmp_path: Path) -> None:
    new, old = (make_encoder(tmp_path / name, "bert") for name in ("new", "old"))
    rename_weights(old, lambda n: n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"))
    for a, b in zip(load_encoder(new).parameters(), load_encoder(old).parameters(), strict=True):
        assert torch.equal(a, b)
    heads = mlm_head_weights(new), mlm_head_weights(old)
    assert heads[0].keys() == heads[1].keys() and all(torch.equal(heads[0][n], heads[1][n]) for n in heads[0])
    change_weights(old, lambda weights: {n: t for n, t in weights.items() if n != "cls.predictions.transform.dense.bias"})
    with pytest.raises(InputError, match=r"masked-language-modelling head lacks dense\.bias"):
        mlm_head_weights(old)


def test_weights_in_half_precision_are_read_as_fp32(folder: Path) -> None:
    change_weights(folder, lambda w: {n: t.half() for n, t in w.items()})
    assert {p.dtype for p in load_encoder(folder).parameters()} == {torch.float32}


def test_code_of_a_model_is_neither_run_nor_asked_about(folder: Path, tmp_path: Path) -> None:
    """In a process of its own, whose standard input stays open: a question there would never be answered."""
    change_config(folder, auto_map={"AutoModel": "modeling.NewModel", "AutoConfig": "modeling.NewConfig"})
    (folder / "modeling.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    program = (
        "import sys; from pathlib import Path; from xstilts.model.encoder import check_encoder; check_encoder(Path(sys.argv[1]))"
    )
    with subprocess.Popen([sys.executable, "-c", program, folder], stdin=subprocess.PIPE) as process:
        assert process.wait(120) == 0, "its type is known, so its code is not needed"
    assert not (tmp_path / "ran").exists()


def test_the_ids_are_those_of_tokenizer_json(folder: Path, tmp_path: Path) -> None:
    """transformers builds the pipeline of the named class around the vocabulary and drops the lower-casing."""
    backend = unigram()
    backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.NFKC()])
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.Metaspace()])
    write_tokenizer(folder, backend, "XLMRobertaTokenizerFast")
    text = "The TOWER is old 1840 ."
    plain = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    assert load_tokenizer(folder)(text)["input_ids"] != plain, "the case that this is about"
    assert load_tokenizer(bring_in(folder, tmp_path))(text)["input_ids"] == plain


def test_a_tokenizer_that_only_has_a_sentencepiece_model(folder: Path, tmp_path: Path) -> None:
    """As InfoXLM and XLM-Align are published. Ids are XLM-R's: <s> 0, <pad> 1, </s> 2, <unk> 3, then the pieces, <mask> last."""
    written = io.BytesIO()
    options = {"vocab_size": 60, "hard_vocab_limit": False, "minloglevel": 2}
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(TEXT), model_writer=written, **options)
    (folder / "sentencepiece.bpe.model").write_bytes(written.getvalue())
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    found = bring_in(folder, tmp_path)
    assert (found / "tokenizer.json").is_file()
    model = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    text = "the tower is old , bo ka ?"
    assert load_tokenizer(found)(text)["input_ids"] == [0, *(i + 1 for i in model.encode(text)), 2]


def test_where_the_encoder_is_instead(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder, tmp_path / "outer" / "0_Transformer")
    with pytest.raises(InputError, match=r"config.json is missing.*there is one in .*0_Transformer"):
        check_files(tmp_path / "outer")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="holds an adapter: merge it into its encoder"):
        check_files(adapter)


def test_roberta_names_of_one_network_are_no_contradiction(folder: Path) -> None:
    change_config(folder, architectures=["RobertaForMaskedLM"])
    complete_folder(folder)
    assert check_encoder(folder).model_type == "xlm-roberta"


def test_one_network_in_two_formats_gives_equal_states(folder: Path, tmp_path: Path) -> None:
    """Multilingual E5 small is published as a `bert` with XLM-R's tokenizer: token type 0 everywhere, and positions from 0."""
    folders = [folder, as_bert(folder, tmp_path / "bert")]
    texts = ["the tower is old .", "bo ka", "a human is in the tower . bo ka mi"]
    states = []
    for each in folders:
        assert check_encoder(each)
        trunk, tokenizer = load_encoder(each).eval(), load_tokenizer(each)
        batch = tokenizer(texts, padding=True, return_tensors="pt")
        with torch.inference_mode():
            found = last_states(trunk, batch["input_ids"], batch["attention_mask"])
        states.append(found[batch["attention_mask"].bool()])
    torch.testing.assert_close(*states, rtol=1e-5, atol=1e-6)
