"""What all tests share: a study small enough to run in seconds, and the shared real data where a machine has it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.forking import Fork
from xstilts.data.language import LANGUAGES
from xstilts.store import lease
from xstilts.study import Study, make_study
from xstilts.tasks.registry import CATALOGUE
from xstilts.tasks.user import user_tasks

# One thread a process, before torch is imported: with more, small matrices spend their time waiting for a core.
os.environ["OMP_NUM_THREADS"] = "1"

settings.register_profile("calm", deadline=None)  # a busy machine is no failure
settings.load_profile("calm")


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fingerprints and unpacked archives of the tests, and of the programs they start, stay out of the user's cache."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True, scope="session")
def one_disk() -> Iterator[None]:
    """The disk of the tests shows everything at once, so nothing waits for what it might not show yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease, "HIDDEN_SECONDS", 0.0)
        yield


@contextmanager
def same_catalogue() -> Iterator[None]:
    """What is declared inside, tasks and languages of the user's own, is not known afterwards."""
    tables: list[dict[Any, Any]] = [CATALOGUE, LANGUAGES, user_tasks._registered]
    before = [dict(table) for table in tables]
    yield
    for table, earlier in zip(tables, before, strict=True):
        table.clear()
        table.update(earlier)


@pytest.fixture(autouse=True)
def catalogue_of_this_test() -> Iterator[None]:
    with same_catalogue():
        yield


SHARED = Path(__file__).resolve().parents[2] / "shared"


def mind_ctrl_c() -> None:
    """For `preexec_fn`: what a shell starts in the background ignores SIGINT, and so would the processes of a test suite that
    was started so."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def tiny_record(**changes: Any) -> dict[str, Any]:
    """A study on the embedded world whose every stage takes about a second."""
    record = {
        "name": "tiny",
        "question": "Does it run?",
        "encoders": ["world/tiny"],
        "pretrain": [{"mix": ["world/text"], "recipe": {"steps": 12, "lr": 1e-3}}],
        "chains": {"none": [], "squad": ["world/squad"]},
        "targets": ["world/tydiqa", "world/pos", "world/retrieval"],
        "languages": ["en", "l1"],
        "seeds": [0],
        "world": {
            "text": 60,
            "squad": 60,
            "tydiqa": 40,
            "pos": 40,
            "nli": 40,
            "choice": 40,
            "ner": 40,
            "paraphrase": 40,
            "dev": 12,
            "test": 16,
        },
        "architectures": {"tiny": {"hidden": 16, "layers": 2, "heads": 2, "feed_forward": 32}},
        "recipes": {
            "default": {"lr": 1e-3, "batch": 8, "steps": 10, "max_length": 64, "stride": 16, "evaluations": 5, "average": 2}
        },
    }
    return {**record, **changes}


def tiny_study(**changes: Any) -> Study:
    return make_study(tiny_record(**changes))


@pytest.fixture
def real_data() -> Path:
    """The folder of real data: $XSTILTS_DATA, or the one beside the checkout."""
    folder = Path(os.environ.get("XSTILTS_DATA") or SHARED / "data")
    if not folder.is_dir():
        pytest.skip("no real data here: set XSTILTS_DATA")
    return folder


@pytest.fixture
def mini_xlmr() -> Path:
    """The small real-text encoder beside the checkout."""
    folder = SHARED / "models" / "mini-xlmr"
    if not folder.is_dir():
        pytest.skip("the encoder mini-xlmr is not here")
    return folder


@pytest.fixture(scope="module")
def forked_workers() -> Iterator[None]:
    """The workers of `execute`, and the other processes of a data-parallel training, are forks, unless there is a graphics
    card: forks cannot use that."""
    import torch

    from xstilts.execution.executors import local
    from xstilts.stages import ddp_launch

    with pytest.MonkeyPatch.context() as patch:
        if not torch.cuda.is_available():
            patch.setattr(local, "subprocess", Fork)
            patch.setattr(ddp_launch, "subprocess", Fork)
        yield


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an `encoder` stage leaves: a random XLM-R of two layers with a Unigram tokenizer that splits words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

    folder = tmp_path_factory.mktemp("tiny") / "encoder"
    words = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁bo", "▁ka", "▁mi", "bo", "ka", "mi", "▁?", "<mask>"]
    backend = Tokenizer(models.Unigram([(w, -float(i)) for i, w in enumerate(words)], unk_id=3))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", mask_token="<mask>", **names)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = XLMRobertaConfig(vocab_size=len(words), max_position_embeddings=130, type_vocab_size=1, **sizes)
    XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder.parent
