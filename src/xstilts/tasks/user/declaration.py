"""What a user writes in YAML about a task: one checked record, and tables of what each format needs.

Columns are names (of a header, of JSON fields) or numbers from 0. `tables.py` reads the files with them. YAML reads an unquoted
`no` as a truth value, which would lose Norwegian or a label. Such a value is refused, and the error says to write quotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from xstilts.data.language import LANGUAGES, suggest_code, to_code
from xstilts.data.yaml_records import Name, Record
from xstilts.errors import InputError, nearest
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.metric import Metric
from xstilts.metrics.mlqa import MLQA
from xstilts.metrics.retrieval import RETRIEVAL
from xstilts.metrics.squad import SQUAD, SQUAD_V2
from xstilts.metrics.tag import CHUNK_F1, POS_F1, TAG_ACCURACY
from xstilts.reading import check_glob, fill_pattern
from xstilts.tasks.task import Split

NAME = r"^[A-Za-z][\w.-]*$"
# The fields that each format needs besides the common ones, and those that it may have.
FIELDS: dict[str, tuple[str, str]] = {
    "classify": ("texts label labels", "id language quoted drop"),
    "choice": ("prompt choices label labels", "id language quoted drop"),
    "tag": ("labels", "words tags comment"),
    "span": ("", "no_answer"),
    "embed": ("", "texts id language quoted"),
    "mlm": ("", "english texts id language quoted"),
}
# How a file is read, by format and by the end of its name ("" is any other end). The values are those of `type`.
TYPES: dict[str, dict[str, str]] = {
    "classify": {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl"},
    "choice": {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl"},
    "tag": {".jsonl": "jsonl", ".conllu": "conllu", "": "conll"},
    "span": {"": "squad"},
    "embed": {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", "": "text"},
    "mlm": {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", "": "text"},
}
# The metrics that can score each format. The default is the first, but token accuracy for tags that are not chunks, and
# SQuAD v2.0's if a question may have no answer. Plain text has none, since it only trains.
METRICS: dict[str, tuple[Metric, ...]] = {
    "classify": (ACCURACY,),
    "choice": (ACCURACY,),
    "tag": (CHUNK_F1, TAG_ACCURACY, POS_F1),
    "span": (SQUAD, SQUAD_V2, MLQA),
    "embed": (RETRIEVAL,),
    "mlm": (),
}


def _check_word(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("YAML reads yes, no, on, off, true and false as truth values: write the word in quotes")
    return str(value) if isinstance(value, int) else value


def _split_codes(value: Any) -> Any:
    """`en de` is short for [en, de]."""
    value = _check_word(value)
    return value.split() if isinstance(value, str) else value


def _check_column(value: Any) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "" or (isinstance(value, int) and value < 0):
        raise ValueError(f"expected the name of a column or its number from 0, found {value!r}")
    return value


def _check_comment(value: Any) -> Any:
    """YAML takes an unquoted # for the beginning of its own comment."""
    if value is None or value == "":
        raise ValueError("expected what a comment begins with, in quotes: comment: '# '")
    return value


def _to_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, int | str) else value


def _pair_labels(value: Any) -> Any:
    """`[a, b]` and `{a: 0, b: [1, 2]}` as pairs of a label and the values that mean it."""
    if isinstance(value, dict):
        return tuple((label, _to_tuple(found)) for label, found in value.items())
    return tuple((label, (label,)) for label in value) if isinstance(value, list) else value


def _check_pattern(where: str, pattern: str) -> None:
    try:
        check_glob(fill_pattern(pattern, lang="x", code="x", name="x"))
    except ValueError as error:
        raise ValueError(f"{where}{pattern!r:.100}: {error}") from None


def _check_languages(field: str, codes: tuple[str, ...], new: Mapping[str, str]) -> None:
    for code, name in new.items():
        if code in LANGUAGES and LANGUAGES[code].name != name:
            raise ValueError(f"new_languages: '{code}' is {LANGUAGES[code].name}; give {name} another code")
    ours = {_to_our_code(code, new) for code in codes}
    if not codes or len(ours) != len(codes):
        raise ValueError(f"{field}: expected languages, each once, found '{' '.join(codes)}'")
    for code in codes:
        if _to_our_code(code, new) not in {*LANGUAGES, *new}:
            name_it = f"name it: new_languages: {{{code}: its name}}"
            raise ValueError(f"{field}: unknown language '{code}'{suggest_code(code)}; {name_it}")


def _to_our_code(code: str, new: Mapping[str, str]) -> str:
    """Our code of a language, unless the declaration itself says what its code means."""
    return code if code in new else to_code(code)


Word = Annotated[str, BeforeValidator(_check_word)]
Code = Annotated[Name, BeforeValidator(_check_word)]
Codes = Annotated[tuple[Word, ...], BeforeValidator(_split_codes)]
Column = Annotated[int | str, BeforeValidator(_check_column)]
Columns = Annotated[tuple[Column, ...], BeforeValidator(_to_tuple)]
Labels = Annotated[tuple[tuple[Word, tuple[Word, ...]], ...], BeforeValidator(_pair_labels)]


class Translation(Record):
    """The English training data of another task in other languages. `translations`: the pattern of one table for each language,
    with two columns: an English string and its translation. The other fields are those of `Declaration`."""

    name: Name = Field(pattern=NAME)
    translated_from: str = Field(min_length=1)
    translations: str = Field(min_length=1)
    languages: Codes = Field(min_length=1)
    codes: dict[Word, Word] = Field(default_factory=dict)
    new_languages: dict[Code, Name] = Field(default_factory=dict)
    license: str = Field(min_length=1)
    cite: str = ""
    url: str = ""
    description: str = ""

    @field_validator("translations")
    @classmethod
    def _check_translations(cls, pattern: str) -> str:
        _check_pattern("", pattern)
        return pattern

    @model_validator(mode="after")
    def _check(self) -> Translation:
        _check_languages("languages", self.languages, self.new_languages)
        if "en" in self.languages:
            raise ValueError(f"languages: 'en' is the language of {self.translated_from}; expected those of the translations")
        if len(self.languages) > 1 and "{" not in self.translations:
            raise ValueError(f"translations: one file for {' '.join(self.languages)}; write {{lang}} in its name")
        return self


class Declaration(Record):
    """`files`: a pattern for each split, below the folder of the declaration or else below the data folder. It has `{lang}`,
    `{code}` or `{name}` in it if each language has its own file. `languages`: of each split, or of all splits. `codes`: the
    files' own codes of languages. `new_languages`: code -> name of languages that the table lacks. `parallel`: example 7 is the
    same in every language, so that intervals do not treat translations as independent. `heldout`, `trains_on`, `contains`: see
    `Task`.

    `id`: its column; without one, ids count the examples. `language`: the column with the language of a row, if one file has
    several. `quoted`: this TSV was written with csv quotes (a CSV always is). `labels`: a list, or label -> the values that
    mean it; for choices, in their order. Rows with a label in `drop` are left out. `choices`: one column for each, or one JSON
    field with a list. `comment`: how the lines of a CoNLL file begin that are comments. `texts` of embed: the sentence and its
    English translation; none if these are two files aligned by line, one of them ending in .en or .eng. `no_answer`: a question
    may have no answer (SQuAD v2.0). `english` of mlm: the file whose lines translate those of `files`. `texts` of mlm: the
    column with the text, or those of a sentence and its English translation."""

    name: Name = Field(pattern=NAME)
    format: Literal["classify", "choice", "tag", "span", "embed", "mlm"]
    new_languages: dict[Code, Name] = Field(default_factory=dict)
    files: dict[Split, str] = Field(min_length=1)
    languages: dict[Split, Codes]
    codes: dict[Word, Word] = Field(default_factory=dict)
    parallel: bool = False
    type: str = ""
    metric: str = ""
    license: str = Field(min_length=1)
    cite: str = ""
    url: str = ""
    description: str = ""
    trains_on: str = ""
    heldout: int = Field(0, ge=2)
    contains: tuple[str, ...] = ()

    texts: Columns = ()
    prompt: Column = ""
    choices: Columns = ()
    label: Column = ""
    labels: Labels = ()
    drop: Annotated[tuple[Word, ...], BeforeValidator(_to_tuple)] = ()
    id: Column = ""
    language: Column = ""
    quoted: bool = False
    words: Column = 0
    tags: Column = 1
    comment: Annotated[str, BeforeValidator(_check_comment)] = ""
    no_answer: bool = False
    english: str = ""

    @field_validator("files")
    @classmethod
    def _check_files(cls, files: dict[Split, str]) -> dict[Split, str]:
        for split, pattern in files.items():
            _check_pattern(f"{split}: ", pattern)
        return files

    @field_validator("english")
    @classmethod
    def _check_english(cls, english: str) -> str:
        if english:
            _check_pattern("", english)
        return english

    @field_validator("languages", mode="before")
    @classmethod
    def _spread_over_splits(cls, languages: Any, info: ValidationInfo) -> Any:
        return languages if isinstance(languages, dict) else dict.fromkeys(info.data.get("files", ()), languages)

    @model_validator(mode="after")
    def _check(self) -> Declaration:
        self._check_fields()
        self._check_splits()
        self._check_languages()
        for split in self.files:
            self._check_columns(split)
        self._check_labels()
        self._check_metric()
        return self

    def _check_metric(self) -> None:
        """Whether the metric is one of the format's, and is defined in every language that is scored."""
        offered = [metric.name for metric in METRICS[self.format]]
        if self.metric and self.metric not in offered:
            raise ValueError(f"metric: '{self.metric}' does not score {self.format}{nearest(self.metric, offered)}")
        metric = self.choose_metric()
        if metric is None:
            return
        for split, codes in self.languages.items():
            for code in codes if split != "train" or self.heldout else ():
                try:
                    metric.for_language(_to_our_code(code, self.new_languages))
                except InputError as error:
                    raise ValueError(f"languages.{split}: {error}") from None

    def _check_fields(self) -> None:
        needed, optional = (names.split() for names in FIELDS[self.format])
        special = {name for pair in FIELDS.values() for names in pair for name in names.split()}
        for name in sorted(self.model_fields_set & special):
            if name not in (*needed, *optional):
                raise ValueError(f"{name}: not a field of a {self.format} task{nearest(name, [*needed, *optional])}")
        for name in needed:
            if name not in self.model_fields_set:
                raise ValueError(f"the field '{name}' is missing; a {self.format} task needs {', '.join(needed)}")

    def _check_splits(self) -> None:
        if self.format == "embed" and set(self.files) != {"test"}:
            raise ValueError("files: retrieval of translations is not trained; expected only test")
        if self.format == "mlm" and (set(self.files) != {"train"} or self.heldout):
            raise ValueError("files: plain text only trains; expected only train, and no `heldout`")
        if not {"train", "test"} & set(self.files):
            raise ValueError("files: expected train or test")
        if self.heldout and ("train" not in self.files or "dev" in self.files):
            raise ValueError("heldout: takes dev examples from the training file; expected a train file and no dev file")
        if set(self.languages) != set(self.files):
            raise ValueError(f"languages: expected those of {', '.join(self.files)}, found {', '.join(self.languages) or 'none'}")

    def _check_languages(self) -> None:
        written = {code for codes in self.languages.values() for code in codes}
        if len({_to_our_code(code, self.new_languages) for code in written}) != len(written):
            raise ValueError(f"languages: expected one code for each language, found {' '.join(sorted(written))}")
        for split, codes in self.languages.items():
            _check_languages(f"languages.{split}", codes, self.new_languages)
            if len(codes) > 1 and "{" not in self.files[split] and self.language == "":
                raise ValueError(f"files.{split}: one file for {' '.join(codes)}; write {{lang}} in its name")

    def _check_columns(self, split: Split) -> None:
        type, types, columns = self.type_of(split), sorted(set(TYPES[self.format].values())), self.columns()
        found = ", ".join(map(str, columns))
        if type not in types:
            raise ValueError(
                f"files.{split}: a {self.format} task is read from {', '.join(types)}; write `type:` if the name does not tell"
            )
        named = {isinstance(column, str) for column in columns}
        if len(named) > 1 and type in ("tsv", "csv"):
            raise ValueError(f"columns are names (there is a header) or numbers (there is none), not both; found {found}")
        if type == "jsonl" and False in named:
            raise ValueError(f"files.{split}: columns of JSON lines are names of fields; found {found}")
        if self.comment and type != "conll":
            raise ValueError(f"files.{split}: comment: only for lines of type conll, found {type}")
        if type in ("conll", "conllu") and True in named:
            raise ValueError(f"words, tags: columns of a {type} file are numbers from 0; found {found}")
        if self.format == "embed" and len(self.texts) != (0 if type == "text" else 2):
            raise ValueError("texts: expected the columns of the sentence and of its translation (of two text files: none)")
        if self.format == "mlm" and (type == "text") != (not self.texts):
            raise ValueError("texts: expected the columns of a table (of text files: none)")
        if self.format == "mlm" and self.english and type != "text":
            raise ValueError("english: only for text files aligned by line; for a table, write `texts: [sentence, translation]`")
        if self.format in ("classify", "mlm") and type != "text" and len(self.texts) not in (1, 2):
            raise ValueError(f"texts: expected one or two columns, found {len(self.texts)}")

    def _check_labels(self) -> None:
        values = [value for _, found in self.labels for value in found]
        twice = [x for x in (*self.names, *values) if (*self.names,).count(x) > 1 or values.count(x) > 1]
        if twice:
            raise ValueError(f"labels: '{twice[0]}' occurs twice")
        if "labels" in FIELDS[self.format][0].split() and len(self.labels) < 2:
            raise ValueError(f"labels: expected two or more, found {len(self.labels)}")
        if self.format == "choice" and len(self.choices) not in (1, len(self.labels)):
            raise ValueError(f"choices: {len(self.choices)} columns for {len(self.labels)} labels")

    @property
    def names(self) -> tuple[str, ...]:
        """The labels."""
        return tuple(label for label, _ in self.labels)

    def columns(self) -> tuple[int | str, ...]:
        """The columns that are read."""
        if self.format == "tag":
            return self.words, self.tags
        alone = (self.prompt, self.label, self.id, self.language)
        return tuple(column for column in (*self.texts, *self.choices, *alone) if column != "")

    def type_of(self, split: str) -> str:
        """How the files of a split are read; "" if their name does not tell."""
        by_end = TYPES[self.format]
        end = PurePath(self.files[cast(Split, split)].removesuffix(".gz")).suffix
        return self.type or by_end.get(end, by_end.get("", ""))

    def choose_metric(self) -> Metric | None:
        """The metric of that name, else the default of the format. For tags it is chunk F1 if they are chunks (B-, I-, O), else
        token accuracy."""
        offered = METRICS[self.format]
        if not offered:
            return None
        if self.metric:
            return next(metric for metric in offered if metric.name == self.metric)
        if self.format == "tag" and not all(re.fullmatch("O|[BIES]-.+", label) for label in self.names):
            return TAG_ACCURACY
        return SQUAD_V2 if self.no_answer else offered[0]

    def identity(self) -> dict[str, Any]:
        """What decides how bytes become examples and examples a score. The place of the files is not in it, since their bytes
        have a key of their own. Fields for people are not in it either."""
        for_people = {"name", "license", "cite", "url", "description", "new_languages", "trains_on", "contains"}
        names = {"files", "english", "languages", "type"}
        if self.format == "mlm" and self.language == "":
            names.add("codes")  # a folder that gains a language changes nothing for the others
        fields = self.model_dump(exclude=for_people | names, exclude_defaults=True)
        if self.english:
            fields["aligned"] = True
        return {**fields, "types": {split: self.type_of(split) for split in self.files}}


D = TypeVar("D", Declaration, Translation)


def use_our_codes(spec: D) -> D:
    """The declaration with our codes of languages. A code that is written otherwise is the one that the files have."""

    def translate(codes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_to_our_code(code, spec.new_languages) for code in codes)

    languages: object
    if isinstance(spec, Declaration):
        written = tuple(dict.fromkeys(code for codes in spec.languages.values() for code in codes))
        languages = {split: translate(codes) for split, codes in spec.languages.items()}
    else:
        written = spec.languages
        languages = translate(written)
    codes = {our: code for our, code in zip(translate(written), written, strict=True) if our != code}
    codes |= dict(zip(translate(tuple(spec.codes)), spec.codes.values(), strict=True))
    return spec.model_copy(update={"languages": languages, "codes": codes})
