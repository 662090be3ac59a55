"""The catalogue: every task that comes with the package. A new task is a record in one of these files and in its TASKS.

`paraphrase.py` is a good first file to read. The others: `nli.py`, `qa.py`, `choice.py`, `tagging.py` (with `conllu.py` and
`syntax.py`), `bitext.py`, `ranking.py` (with `mewslix.py`), `pictures.py` (with `nlvr_drawing.py`), `translate_train.py`,
`world.py`. Public: the tasks, through `find_task`.
"""

from xstilts.tasks.catalogue import bitext, choice, nli, paraphrase, pictures, qa, ranking, tagging, translate_train, world
from xstilts.tasks.registry import CATALOGUE

_FILES = (nli, paraphrase, qa, choice, tagging, bitext, ranking, pictures, translate_train, world)
CATALOGUE.update({task.name: task for file in _FILES for task in file.TASKS})
