"""The works that a study uses, from the `cite` fields of its tasks and a table of entries; also as BibTeX.

Every field was checked against a public record of the work (data set card, proceedings, arXiv). Fields that could not be checked
are empty. A key without an entry here (a user's task, or a data set without a paper) becomes its name and its address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xstilts.analysis.breakdown import BY_SIZE
from xstilts.report.findings import Findings
from xstilts.tasks.registry import CATALOGUE
from xstilts.tasks.suites import SUITES

PAPER = "phang2020xstilts"
_ENTRIES = """
phang2020xstilts | inproceedings | Phang, Jason and Calixto, Iacer and Htut, Phu Mon and Pruksachatkun, Yada and Liu, Haokun and Vania, Clara and Kann, Katharina and Bowman, Samuel R. | English Intermediate-Task Training Improves Zero-Shot Cross-Lingual Transfer Too | 2020 | AACL | 557--575 | 2005.13013
hu2020xtreme | article | Hu, Junjie and Ruder, Sebastian and Siddhant, Aditya and Neubig, Graham and Firat, Orhan and Johnson, Melvin | XTREME: A Massively Multilingual Multi-task Benchmark for Evaluating Cross-lingual Generalization | 2020 | | | 2003.11080
ruder2021xtremer | inproceedings | Ruder, Sebastian and Constant, Noah and Botha, Jan and Siddhant, Aditya and Firat, Orhan and Fu, Jinlan and Liu, Pengfei and Hu, Junjie and Garrette, Dan and Neubig, Graham and Johnson, Melvin | XTREME-R: Towards More Challenging and Nuanced Multilingual Evaluation | 2021 | EMNLP | 10215--10245 | 2104.07412
conneau2020xlmr | inproceedings | Conneau, Alexis and Khandelwal, Kartikay and Goyal, Naman and Chaudhary, Vishrav and Wenzek, Guillaume and Guzmán, Francisco and Grave, Edouard and Ott, Myle and Zettlemoyer, Luke and Stoyanov, Veselin | Unsupervised Cross-lingual Representation Learning at Scale | 2020 | ACL | 8440--8451 | 1911.02116
conneau2018xnli | inproceedings | Conneau, Alexis and Rinott, Ruty and Lample, Guillaume and Williams, Adina and Bowman, Samuel R. and Schwenk, Holger and Stoyanov, Veselin | XNLI: Evaluating Cross-lingual Sentence Representations | 2018 | EMNLP | |
williams2018mnli | inproceedings | Williams, Adina and Nangia, Nikita and Bowman, Samuel | A Broad-Coverage Challenge Corpus for Sentence Understanding through Inference | 2018 | NAACL | 1112--1122 |
bowman2015snli | inproceedings | Bowman, Samuel R. and Angeli, Gabor and Potts, Christopher and Manning, Christopher D. | A large annotated corpus for learning natural language inference | 2015 | EMNLP | |
nie2020anli | inproceedings | Nie, Yixin and Williams, Adina and Dinan, Emily and Bansal, Mohit and Weston, Jason and Kiela, Douwe | Adversarial NLI: A New Benchmark for Natural Language Understanding | 2020 | ACL | |
rajpurkar2016squad | article | Rajpurkar, Pranav and Zhang, Jian and Lopyrev, Konstantin and Liang, Percy | SQuAD: 100,000+ Questions for Machine Comprehension of Text | 2016 | | | 1606.05250
rajpurkar2018know | inproceedings | Rajpurkar, Pranav and Jia, Robin and Liang, Percy | Know What You Don't Know: Unanswerable Questions for SQuAD | 2018 | ACL | 784--789 | 1806.03822
zellers2019hellaswag | inproceedings | Zellers, Rowan and Holtzman, Ari and Bisk, Yonatan and Farhadi, Ali and Choi, Yejin | HellaSwag: Can a Machine Really Finish Your Sentence? | 2019 | ACL | |
huang2019cosmosqa | inproceedings | Huang, Lifu and Le Bras, Ronan and Bhagavatula, Chandra and Choi, Yejin | Cosmos QA: Machine Reading Comprehension with Contextual Commonsense Reasoning | 2019 | EMNLP-IJCNLP | 2391--2401 |
talmor2019commonsenseqa | inproceedings | Talmor, Alon and Herzig, Jonathan and Lourie, Nicholas and Berant, Jonathan | CommonsenseQA: A Question Answering Challenge Targeting Commonsense Knowledge | 2019 | NAACL | 4149--4158 | 1811.00937
yang2019pawsx | inproceedings | Yang, Yinfei and Zhang, Yuan and Tar, Chris and Baldridge, Jason | PAWS-X: A Cross-lingual Adversarial Dataset for Paraphrase Identification | 2019 | EMNLP | |
artetxe2020xquad | inproceedings | Artetxe, Mikel and Ruder, Sebastian and Yogatama, Dani | On the Cross-lingual Transferability of Monolingual Representations | 2020 | ACL | | 1910.11856
lewis2020mlqa | article | Lewis, Patrick and Oguz, Barlas and Rinott, Ruty and Riedel, Sebastian and Schwenk, Holger | MLQA: Evaluating Cross-lingual Extractive Question Answering | 2019 | | | 1910.07475
clark2020tydiqa | article | Clark, Jonathan H. and Choi, Eunsol and Collins, Michael and Garrette, Dan and Kwiatkowski, Tom and Nikolaev, Vitaly and Palomaki, Jennimaria | TyDi QA: A Benchmark for Information-Seeking Question Answering in Typologically Diverse Languages | 2020 | Transactions of the Association for Computational Linguistics | | 2003.05002
pan2017wikiann | inproceedings | Pan, Xiaoman and Zhang, Boliang and May, Jonathan and Nothman, Joel and Knight, Kevin and Ji, Heng | Cross-lingual Name Tagging and Linking for 282 Languages | 2017 | ACL | 1946--1958 |
ponti2020xcopa | article | Ponti, Edoardo M. and Glavaš, Goran and Majewska, Olga and Liu, Qianchu and Vulić, Ivan and Korhonen, Anna | XCOPA: A Multilingual Dataset for Causal Commonsense Reasoning | 2020 | | |
roemmele2011copa | inproceedings | Roemmele, Melissa and Bejan, Cosmin Adrian and Gordon, Andrew S. | Choice of Plausible Alternatives: An Evaluation of Commonsense Causal Reasoning | 2011 | AAAI Spring Symposium Series | |
roy2020lareqa | article | Roy, Uma and Constant, Noah and Al-Rfou, Rami and Barua, Aditya and Phillips, Aaron and Yang, Yinfei | LAReQA: Language-agnostic answer retrieval from a multilingual pool | 2020 | | | 2004.05484
artetxe2019massively | article | Artetxe, Mikel and Schwenk, Holger | Massively Multilingual Sentence Embeddings for Zero-Shot Cross-Lingual Transfer and Beyond | 2019 | Transactions of the Association for Computational Linguistics | 597--610 | 1812.10464
zweigenbaum2018bucc | inproceedings | Zweigenbaum, Pierre and Sharoff, Serge and Rapp, Reinhard | Overview of the Third BUCC Shared Task: Spotting Parallel Sentences in Comparable Corpora | 2018 | 11th Workshop on Building and Using Comparable Corpora | 39--42 |
silveira2014gold | inproceedings | Silveira, Natalia and Dozat, Timothy and de Marneffe, Marie-Catherine and Bowman, Samuel and Connor, Miriam and Bauer, John and Manning, Christopher D. | A Gold Standard Dependency Corpus for English | 2014 | LREC | |
"""  # noqa: E501


@dataclass(frozen=True)
class Reference:
    """One work. Empty fields are unknown; `why` says what in the study uses it."""

    key: str
    sort: str
    authors: str
    title: str
    year: str
    venue: str
    pages: str
    arxiv: str
    url: str
    why: str

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


def _entries() -> Mapping[str, tuple[str, ...]]:
    rows = [tuple(part.strip() for part in line.split("|")) for line in _ENTRIES.strip().splitlines()]
    return {row[0]: row for row in rows}


def list_references(findings: Findings) -> tuple[Reference, ...]:
    """The paper, the benchmarks that are averaged, and each task that is trained on or tested, by key."""
    uses: dict[str, tuple[str, str]] = {PAPER: ("the design of the study", "")}
    targets = {info.name for info in findings.results.targets}
    for suite, key in (("xtreme", "hu2020xtreme"), ("xtreme-r", "ruder2021xtremer")):
        if suite in SUITES and len(targets & set(SUITES[suite].tasks)) > 1:
            uses[key] = (f"the benchmark {suite.upper()}", "")
    if BY_SIZE in findings.decomposition.axes():
        uses["conneau2020xlmr"] = ("the sizes of CC-100", "")
    for name in _list_tasks(findings):
        cite, url = _find_citation(findings, name)
        if cite:
            why, _ = uses.get(cite, ("", ""))
            uses[cite] = (f"{why}, {name}" if why else name, url)
    known = _entries()
    found = []
    for key, (why, url) in sorted(uses.items()):
        if key in known:
            _, sort, authors, title, year, venue, pages, arxiv = known[key]
            found.append(Reference(key, sort, authors, title, year, venue, pages, arxiv, "" if arxiv else url, why))
        else:
            found.append(Reference(key, "misc", "", why, "", "", "", "", url, why))
    return tuple(found)


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
