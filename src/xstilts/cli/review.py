"""Verbs that check claims against documents: a whole review, and one claim at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xstilts.cli.app import READ, app, load_plan, load_results, open_console, print_json
from xstilts.cli.options import DEFAULT_STORE, JsonOption, StoreOption
from xstilts.errors import InputError

if TYPE_CHECKING:
    from xstilts.documents.reviewers import Reviewer
    from xstilts.documents.search import Corpus
    from xstilts.plan.cell import CellId
    from xstilts.review.question import AskedReviewer
    from xstilts.stages.judge import CellJudge

ReviewersOption = Annotated[
    list[str], typer.Option("--reviewer", metavar="STUDY:CELL", help="An NLI model that judges too; give several.")
]

EncoderOption = Annotated[
    Path | None, typer.Option("--encoder", metavar="FOLDER", help="An encoder, to search by meaning too (other languages).")
]


@app.command(rich_help_panel=READ)
def review(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="A built-in question (world, phang2020) or a YAML file.")],
    papers: Annotated[
        list[Path], typer.Option("--in", metavar="PATH", help="A folder or file of papers, beside those of the question.")
    ] = [],
    study: Annotated[str, typer.Option(metavar="STUDY", help="Whose runs are asked too (default: the question's study).")] = "",
    reviewers: ReviewersOption = [],
    decide: Annotated[
        str, typer.Option("--decide", metavar="CLAIM=VERDICT", help="Add a decision of your own; needs --by and --why.")
    ] = "",
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides.")] = "",
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why.")] = "",
    encoder: EncoderOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no public service.")] = False,
    store: StoreOption = DEFAULT_STORE,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="The folder to write (default: reviews/NAME).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check claims against papers, and write the evidence as a page.

    A question names papers (folders, files, arXiv ids, queries to public services) and claims. Each claim is compared with the
    passages that bear on it: words, numbers with their units, denials; and by NLI models of your own studies, if you name some.
    Documents support, contradict or do not support a claim, or do not bear on it; what is too near to call is unchecked. With a
    study, the verdicts of its runs stand beside. What services and models answered is kept in the store, so a second run asks
    nothing again. docs/how-to/review.md explains the YAML.

    Examples:

        xstilts review world
        xstilts review phang2020 --in papers/
        xstilts review mine.yaml --study real-small --reviewer real-small:none/xnli/0
        xstilts review mine.yaml --decide squad-best=contradicted --by Ada --why "Table 3 says MNLI."
    """
    from xstilts.cli.views.review import review_block
    from xstilts.documents.services import SERVICES
    from xstilts.documents.services.arxiv import ArXiv
    from xstilts.review.describe import to_json
    from xstilts.review.overrides import add_override, read_overrides
    from xstilts.review.page import write_review
    from xstilts.review.question import AskedReviewer, built_in_questions, load_question
    from xstilts.review.run import BY_ID, run_review

    asked, base = load_question(question)
    built_in = question in built_in_questions()
    decisions = (Path() if built_in else base) / f"{asked.name}.decisions.yaml"
    cache = store / "review" / "services"
    clients: dict[str, Any] = {name: make(cache) for name, make in SERVICES.items()}
    services = {} if offline else {**clients, BY_ID: ArXiv(cache, full_text=True)}
    wanted = [*asked.reviewers, *(AskedReviewer(cell=cell) for cell in reviewers)]
    labelled = base / Path(asked.labelled).expanduser() if asked.labelled else None
    console = open_console(stderr=True)
    with console.status("reading") as status:
        found = run_review(
            asked,
            base,
            services=services,
            reviewers=lambda corpus: _load_reviewers(wanted, study or asked.study, store, corpus, labelled, status.update),
            embed=_load_embed(encoder),
            judge_runs=_judge_runs(study or asked.study, store),
            decisions=read_overrides(decisions),
            papers=papers,
            say=lambda text: status.update(text),
        )
    if decide:
        made = add_override(decisions, decide, by, why, [one.claim.id for one in found.claims])
        open_console().print(f"{made.claim}: {made.verdict}, kept in {decisions}", soft_wrap=True)
        return
    page = write_review(found, out or Path("reviews") / asked.name)
    if as_json:
        print_json(to_json(found))
        return
    open_console().print(review_block(found))
    open_console().print(f"\nreview: {page}", soft_wrap=True)


@app.command(rich_help_panel=READ)
def check(
    claim: Annotated[str, typer.Argument(metavar="CLAIM", help="A sentence.")],
    where: Annotated[str, typer.Option("--in", metavar="WHERE", help="A folder or file of papers, or a study.")],
    language: Annotated[str, typer.Option(metavar="CODE", help="The language of the claim.")] = "en",
    reviewers: ReviewersOption = [],
    encoder: EncoderOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Check one claim against papers, or against what a study found.

    It prints the verdict with the passage that decides, the numbers that were compared, and what could not be read.

    Examples:

        xstilts check "SQuAD raises the average by 8.4 points." --in papers/
        xstilts check "squad helps world/tydiqa." --in demo
    """
    from xstilts.cli.views.review import claim_block
    from xstilts.data.language import to_code
    from xstilts.documents.check import check_claim
    from xstilts.documents.claim import read_claim
    from xstilts.review.describe import paper_to_json
    from xstilts.review.question import AskedReviewer

    sources, papers = _read_where(where, store)
    stated = read_claim("claim", claim, language=to_code(language))
    asked = [AskedReviewer(cell=cell) for cell in reviewers]
    with open_console(stderr=True).status("reading") as status:
        embed = _load_embed(encoder)
        found = check_claim(stated, papers, lambda corpus: _load_reviewers(asked, "", store, corpus, None, status.update), embed)
    if as_json:
        refused = [line for source in sources for line in source.refused]
        said = {"claim": claim, "verdict": found.verdict, "reason": found.reason, "not read": refused}
        print_json({**said, "papers": [paper_to_json(one) for one in found.papers]})
    else:
        open_console().print(claim_block(found, sources))


def _check_learned(study: str, store: Path, cell: CellId) -> None:
    """Raises InputError for a model that no score shows to have learned its task: its votes would be noise."""
    from xstilts.analysis.scores import ENGLISH, is_near_chance
    from xstilts.tasks.registry import find_task

    results = load_results(study, [], store)
    place = (cell.encoder, cell.arm, cell.target, cell.seed)
    found = [one for one in results.cells if (one.encoder, one.chain, one.target, one.seed) == place and not one.control]
    name = f"reviewer {cell.arm}/{cell.target}/{cell.seed}"
    if not any(ENGLISH in one.languages for one in found):
        raise InputError(f"{name}: the store has no English score of it, so nobody knows whether it learned; run {study}")
    chance = next((info.chance for info in results.targets if info.name == cell.target), None)
    if is_near_chance(found, [ENGLISH], find_task(cell.target).metric, chance):
        raise InputError(f"{name}: its English score is near chance, so it has not learned to judge; name another cell")


def _weigh(judge: CellJudge, cell: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
    """What the judge says; that it read some pairs in part only is said."""
    before = judge.cut
    found = judge.weigh(pairs)
    if cut := judge.cut - before:
        text = f"warning: {cell} reads {judge.longest} tokens, so of {cut} pairs of a passage and a claim it did not read the end"
        open_console(stderr=True).print(text, style="yellow", soft_wrap=True)
    return found


def _tell(say: Callable[[str], None], cell: str, done: int, of: int) -> None:
    say(f"{cell}: {done:,} of {of:,} new pairs of a passage and a claim")


def _read_where(where: str, store: Path) -> tuple[list[Any], list[Any]]:
    """What a folder, a file or a study has to say: the sources, and the papers of them."""
    from xstilts.documents.folder import read_file, read_folder
    from xstilts.documents.merge import merge
    from xstilts.study.read import built_in_studies

    path = Path(where).expanduser()
    if where in built_in_studies() or (path.is_file() and path.suffix in (".yaml", ".yml")):
        from xstilts.report.findings import compute_findings
        from xstilts.review.study_paper import make_study_paper

        results = load_results(where, [], store)
        if not any(cell.languages for cell in results.cells):
            raise InputError(f"--in {where}: the store {store} has no scores of it; run it first: xstilts run {where}")
        findings = compute_findings(results)
        return [], [make_study_paper(findings, str(store))]
    if not path.exists():
        raise InputError(f"--in {where}: no such folder, file or study")
    source = read_folder(path) if path.is_dir() else read_file(path)
    if not source.papers:
        raise InputError(f"--in {where}: no paper could be read. {' '.join(source.refused[:3])}".strip())
    return [source], list(merge(source.papers).papers)


def _load_embed(encoder: Path | None) -> Callable[[Sequence[str]], Any] | None:
    """Texts -> vectors by an encoder; None without one."""
    if encoder is None:
        return None
    from xstilts.execution.environment import worker_environment

    os.environ.update(worker_environment(threads=os.cpu_count() or 1))
    from xstilts.stages.text_vectors import load_embed

    return load_embed(encoder)


def _judge_runs(study: str, store: Path) -> Callable[[Sequence[Any]], Sequence[Any]] | None:
    """Verdicts from the runs of a study; None without one."""
    if not study:
        return None

    def judge(claims: Sequence[Any]) -> Sequence[Any]:
        from xstilts.claims import judge_claims

        return judge_claims(load_results(study, [], store), claims)

    return judge


def _load_reviewers(
    asked: Sequence[AskedReviewer], study: str, store: Path, corpus: Corpus, labelled: Path | None, say: Callable[[str], None]
) -> Sequence[Reviewer]:
    """The NLI models of these cells, each with the answers that it gave before."""
    if not asked:
        return []
    from xstilts.execution.environment import worker_environment
    from xstilts.plan.cell import find_cell
    from xstilts.review.reviewers import KeptAnswers, make_reviewer
    from xstilts.store.store import Store

    os.environ.update(worker_environment(threads=os.cpu_count() or 1))
    from xstilts.stages.judge import CellJudge

    made = []
    for one in asked:
        named, colon, cell = one.cell.rpartition(":")
        if not (named or study):
            raise InputError(f"reviewer {one.cell}: expected STUDY:CELL, such as real-small:none/xnli/0")
        own = named if colon else study
        planned = find_cell(load_plan(own, [], draft=True).cells, cell)
        _check_learned(own, store, planned.id)
        judge = CellJudge(Store(store), planned.answered)
        path = store / "review" / f"answers-{planned.checkpoint.key[:12]}.jsonl"
        answers = KeptAnswers(partial(_weigh, judge, cell), path, partial(_tell, say, cell))
        made.append(make_reviewer(cell, answers, one.sentences, corpus, labelled))
    return made
