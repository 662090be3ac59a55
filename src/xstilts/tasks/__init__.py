"""Tasks: what a task is, the catalogue, suites, the files of tasks, and tasks that users declare. No torch.

Read in this order: `task.py` (the record), `catalogue/paraphrase.py` (two tasks), `registry.py`, `suites.py`, then `files/`
(finding and reading files), `user/` (users' own tasks), `translated.py` and `answer_alignment.py` (machine translations).
Public: the names below. A user's Python file imports them from here, so that it survives moves inside the package.
"""

from xstilts.data.language import LANGUAGES, Language
from xstilts.formats.bitext_mining import BitextMining, PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrieval, BitextRetrievalExample
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.image_pair import ImagePair, ImagePairExample
from xstilts.formats.mlm import Mlm, MlmExample
from xstilts.formats.ranking import Ranking, RankingExample
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.metric import Metric
from xstilts.metrics.mining import BUCC_F1
from xstilts.metrics.mlqa import MLQA
from xstilts.metrics.ranking import MAP_20
from xstilts.metrics.retrieval import RETRIEVAL
from xstilts.metrics.squad import SQUAD, SQUAD_V2
from xstilts.metrics.tag import CHUNK_F1, POS_F1, TAG_ACCURACY
from xstilts.tasks import catalogue  # registers its tasks
from xstilts.tasks.files.locate import read_examples
from xstilts.tasks.files.read import check_label, get_field, get_fields, look_up_label, name_hub_rows, split_columns
from xstilts.tasks.files.read import read_csv, read_json_lines, read_json_object, read_lines, read_tsv
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Download, Hub, Pictures, ReadRequest, Source, Task
