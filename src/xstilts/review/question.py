"""A question for a review, as people write it in YAML: what is asked, where papers are, which claims are checked and by whom.

Paths are relative to the file. A claim given by a person is text, perhaps with the papers that are said to support it
(`cites`).
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from xstilts.data.yaml_records import LanguageCode, Record, make_record, read_fields
from xstilts.documents.claim import LONGEST
from xstilts.documents.verify import Verdict
from xstilts.errors import InputError, nearest

ServiceName = Literal["arxiv", "semantic-scholar", "openalex", "acl-anthology"]
BUILT_IN = "built-in"


def _quoted(names: Any) -> Any:
    """YAML reads an arXiv id without quotes as a number and drops its last zeros."""
    if any(isinstance(one, float | int) for one in (names if isinstance(names, list | tuple) else ())):
        raise ValueError('names of papers need quotes, such as "2003.11080": YAML reads them as numbers and drops zeros')
    return names


PaperNames = Annotated[tuple[str, ...], BeforeValidator(_quoted)]


class Search(Record):
    """A query to a public service. `limit`: the most records; `since`, `until`: years, both included."""

    service: ServiceName
    query: str = Field(min_length=1)
    limit: int = Field(100, ge=1, le=1000)
    since: int | None = Field(None, ge=1900, le=2100)
    until: int | None = Field(None, ge=1900, le=2100)


class GivenClaim(Record):
    """`cites`: papers that are said to support it, by name (arxiv:2005.13013v1, acl:2020.aacl-main.56). `truth`: the verdict that
    documents must give, where it is known; it is compared, never used."""

    id: str = Field(pattern=r"^[\w.-]+$")
    text: str = Field(min_length=1)
    language: LanguageCode = "en"
    cites: PaperNames = ()
    truth: Verdict | None = None

    @field_validator("text")
    @classmethod
    def _short(cls, text: str) -> str:
        if len(text) > LONGEST:
            raise ValueError(f"expected at most {LONGEST:,} letters, found {len(text):,}; a claim is a sentence or two")
        return text


class AskedReviewer(Record):
    """An NLI model that judges: CELL of the question's study, or STUDY:CELL. `sentences`: of a passage that it reads at once."""

    cell: str = Field(min_length=1)
    sentences: int = Field(3, ge=1, le=10)


class Question(Record):
    """`papers`: folders and files. `ids`: papers of arXiv by name, whose PDFs are read. `search`: queries to public services.
    `claims`: given by hand; `ledger`: claims of the ledger too ("built-in", or a YAML file of claims); `about`: the papers that
    claims are about that cite none; `extract`: so many claims of each relevant paper. `study`: whose runs are asked about the
    ledger's claims. `reviewers`: NLI models that judge. `labelled`: JSON lines {claim, evidence: [...], supported} to calibrate
    them. `relevant`: a paper is kept if one of its passages has this share of the question's words, by weight. `retrieved`:
    passages that are looked at for a claim, beside the papers that it cites."""

    name: str = Field(pattern=r"^[\w.-]{1,100}$")
    question: str = Field(min_length=1, max_length=1000)
    papers: tuple[str, ...] = ()
    ids: PaperNames = ()
    search: tuple[Search, ...] = ()
    claims: tuple[GivenClaim, ...] = ()
    ledger: str = ""
    about: PaperNames = ()
    extract: int = Field(0, ge=0, le=100)
    study: str = ""
    reviewers: tuple[AskedReviewer, ...] = ()
    labelled: str = ""
    relevant: float = Field(0.5, ge=0, le=1)
    retrieved: int = Field(20, ge=1, le=1000)

    @field_validator("claims", mode="before")
    @classmethod
    def _texts(cls, claims: Any) -> Any:
        """A claim may be a text alone."""
        if not isinstance(claims, list | tuple):
            return claims
        return tuple({"id": f"claim-{n}", "text": one} if isinstance(one, str) else one for n, one in enumerate(claims, 1))

    @field_validator("reviewers", mode="before")
    @classmethod
    def _cells(cls, reviewers: Any) -> Any:
        """A reviewer may be a cell alone."""
        listed = isinstance(reviewers, list | tuple)
        return tuple({"cell": one} if isinstance(one, str) else one for one in reviewers) if listed else reviewers

    @model_validator(mode="after")
    def _complete(self) -> Question:
        if not (self.claims or self.ledger or self.extract):
            raise ValueError("claims: nothing would be checked; give claims, `ledger: built-in`, or `extract: 3`")
        names = [claim.id for claim in self.claims]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"claims: two have the id '{name}'")
        return self


def built_in_questions() -> dict[str, Path]:
    """The questions that come with the package, by name."""
    folder = Path(str(resources.files("xstilts.review") / "builtin"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_question(name: str) -> tuple[Question, Path]:
    """A built-in question or a YAML file, and the folder that its paths are relative to. Raises InputError."""
    known = built_in_questions()
    path = known.get(name) or Path(name).expanduser()
    if not path.is_file():
        hint = nearest(name, known) if path.suffix not in (".yaml", ".yml") else ""
        raise InputError(f"question {name}: no such file and no built-in question{hint}")
    return make_record(Question, read_fields(path, "question"), str(path)), path.parent
