"""The embedded world: six synthetic languages that share one meaning, and ten tasks in them, one of them by domain too and one
about pictures. Only the standard library.

Read in this order: `config.py`, `concepts.py`, `tongue.py` (languages), `event.py` (meanings), `clause.py` (meaning -> words),
`draw.py` (splits), then one file for each kind of task. Public: `generate(config, task, split, language)` gives examples,
`list_words(config)` all words.
"""

from collections.abc import Iterator

from xstilts.formats.format import Example
from xstilts.world.answering import generate_spans
from xstilts.world.choosing import generate_choices
from xstilts.world.config import WorldConfig
from xstilts.world.inference import MEANINGS as PAIRS
from xstilts.world.inference import NLI_OF_DOMAIN, generate_pairs
from xstilts.world.retrieval import generate_translations
from xstilts.world.scene import generate_scenes, generate_texts_of_scenes
from xstilts.world.tagging import generate_tags
from xstilts.world.text import generate_text
from xstilts.world.tongue import LANGUAGES, list_words

__all__ = ["LANGUAGES", "TASK_NAMES", "WorldConfig", "generate", "list_words"]

TASK_NAMES = (
    *("text", "nli", "paraphrase", "squad", "tydiqa", "pos", "ner", "choice", "retrieval"),
    *("xvnli", "caption", "hypothesis"),
    *NLI_OF_DOMAIN,
)


def generate(config: WorldConfig, task: str, split: str, language: str) -> Iterator[Example]:
    """The examples of a split of a task in one language. The same call gives the same examples.

    Splits are train, dev and test; `retrieval` has only test. Test examples are parallel: same ids, same meanings."""
    match task:
        case "text":
            return generate_text(config, split, language)
        case _ if task in PAIRS:
            return generate_pairs(config, task, split, language)
        case "squad" | "tydiqa":
            return generate_spans(config, task, split, language)
        case "pos" | "ner":
            return generate_tags(config, task, split, language)
        case "choice":
            return generate_choices(config, split, language)
        case "retrieval":
            return generate_translations(config, split, language)
        case "xvnli":
            return generate_scenes(config, split, language)
        case "caption" | "hypothesis":
            return generate_texts_of_scenes(config, split, language, captions=task == "caption")
    raise KeyError(f"the world has no task {task!r}; it has {', '.join(TASK_NAMES)}")
