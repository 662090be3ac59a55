"""The works that a study uses, from the `cite` fields of its tasks and the table `references.tsv`; also as BibTeX.

Every field was checked against a public record of the work (data set card, proceedings, arXiv). Fields that could not be checked
are empty. A key without an entry here (a user's task, or a data set without a paper) becomes its name and its address.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

from xstilts.analysis.breakdown import BY_SIZE
from xstilts.report.findings import Findings
from xstilts.report.tables.suites import find_suites
from xstilts.tasks.registry import CATALOGUE

PAPER = "phang2020xstilts"


@dataclass(frozen=True)
class Reference:
    """One work. Empty fields are unknown; `why` says what in the study uses it."""

    key: str
    sort: str
    authors: str = ""
    title: str = ""
    year: str = ""
    venue: str = ""
    pages: str = ""
    arxiv: str = ""
    url: str = ""
    why: str = ""

    @property
    def entry(self) -> str:
        """The work in one line, for a list of references."""
        names = [_put_first_name_first(name) for name in self.authors.split(" and ")] if self.authors else []
        who = (
            f"{names[0]} et al."
            if len(names) > 3
            else " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 2 else names)
        )
        parts = [who, f"({self.year})" if self.year else "", f"{self.title}.".replace("?.", "?")]
        parts.append(f"{self.venue}{f', {self.pages}' if self.pages else ''}.".replace("--", "–") if self.venue else "")
        parts.append(f"arXiv {self.arxiv}." if self.arxiv else self.url)
        return " ".join(part for part in parts if part)

    @property
    def bibtex(self) -> str:
        where = "booktitle" if self.sort == "inproceedings" else "journal"
        fields = {
            "author": self.authors,
            "title": f"{{{self.title}}}",
            "year": self.year,
            where: self.venue,
            "pages": self.pages,
            "eprint": self.arxiv,
            "archiveprefix": "arXiv" if self.arxiv else "",
            "url": self.url,
        }
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@{self.sort}{{{self.key},", *lines, "}"])


def _put_first_name_first(name: str) -> str:
    last, _, first = name.partition(", ")
    return f"{first} {last}".strip()


def list_references(findings: Findings) -> tuple[Reference, ...]:
    """The paper, the benchmarks that are averaged, and each task that is trained on or tested, by key."""
    uses: dict[str, tuple[str, str]] = {PAPER: ("the design of the study", "")}
    benchmarks = {"xtreme": "hu2020xtreme", "xtreme-r": "ruder2021xtremer"}
    uses |= {benchmarks[suite.name]: (f"the benchmark {suite.name.upper()}", "") for suite in find_suites(findings)}
    if BY_SIZE in findings.decomposition.axes():
        uses["conneau2020xlmr"] = ("the sizes of CC-100", "")
    for name in _list_tasks(findings):
        cite, url = _find_citation(findings, name)
        if cite:
            why, _ = uses.get(cite, ("", ""))
            uses[cite] = (f"{why}, {name}" if why else name, url)
    lines = (files("xstilts.report") / "references.tsv").read_text(encoding="utf-8").splitlines()
    known = {row["key"]: row for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)}
    return tuple(
        Reference(**known[key], url="" if known[key]["arxiv"] else url, why=why)
        if key in known
        else Reference(key, "misc", title=why, url=url, why=why)
        for key, (why, url) in sorted(uses.items())
    )


def _list_tasks(findings: Findings) -> Iterable[str]:
    results = findings.results
    names = [info.name for info in results.targets] + [info.trains_on for info in results.targets if info.trained]
    return dict.fromkeys(name for name in [*names, *(task for chain in results.chains for task in chain.tasks)] if name)


def _find_citation(findings: Findings, name: str) -> tuple[str, str]:
    if name in findings.targets:
        return findings.targets[name].cite, findings.targets[name].url
    task = CATALOGUE.get(name)
    return (task.cite, task.url) if task is not None else ("", "")


def write_bibtex(found: Iterable[Reference]) -> str:
    return "\n\n".join(reference.bibtex for reference in found) + "\n"
