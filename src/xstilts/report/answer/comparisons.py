"""The answer of a study that asks about one chain against another. Its own comparisons come first, gains over no chain second."""

from collections.abc import Sequence

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import ALL
from xstilts.analysis.gains import Gain
from xstilts.analysis.mean_gains import MeanGain
from xstilts.analysis.results import LEAK, Results
from xstilts.report.answer.answer import Answer, describe_certainty, describe_explored, write_headline
from xstilts.report.answer.wording import VERDICTS, write_estimate

AVERAGES_NAMED = 3


def answer_comparisons(results: Results, gains: Sequence[Gain], averages: Sequence[MeanGain], rest: Answer) -> Answer:
    """The answer from the study's own comparisons. `rest` is the answer from the gains over no chain."""
    own = [gain for gain in gains if gain.over == "chain"]
    counted = [gain for gain in own if not gain.reuses_target_data and not gain.leak]
    evidence, explored = ([gain for gain in counted if gain.primary is primary] for primary in (True, False))
    verdict, sentence = write_headline(evidence, results) if evidence else ("none", _explain_no_answer(own))
    dropped = len(own) - len(counted)
    left = f"Not counted: {fmt.count(dropped, 'comparison')} of chains that reuse the target's own training data, or oracles."
    apart = sum(gain.over == "none" and not gain.control and gain.p_holm is not None for gain in gains)
    support = (
        _describe_averages(averages, results),
        describe_certainty(evidence, apart),
        describe_explored(explored, results),
        left if dropped and evidence else "",
        f"Gains over no chain: {rest.sentence[:1].lower()}{rest.sentence[1:]}",
        *rest.support,
    )
    return Answer(verdict, sentence, tuple(text for text in support if text))


def _describe_averages(averages: Sequence[MeanGain], results: Results) -> str:
    """The study's own comparisons as means over all targets."""
    whole = [average for average in averages if average.group == ALL]
    if not whole:
        return ""
    said = []
    for average in sorted(whole, key=lambda average: -average.interval.estimate)[:AVERAGES_NAMED]:
        where = f" in {average.encoder}" if len(results.encoders) > 1 else ""
        verdict = VERDICTS.get(average.verdict, average.verdict)
        said.append(f"{average.chain} over {fmt.mean_of(average.baseline)}{where} {write_estimate(average)} ({verdict})")
    which = f" (the largest of {len(whole)})" if len(whole) > len(said) else ""
    return f"Means over targets{which}: {'; '.join(said)}."


def _explain_no_answer(own: Sequence[Gain]) -> str:
    """Why the study's own comparisons give no answer."""
    if any(not gain.reuses_target_data and not gain.leak for gain in own):
        return "No answer yet: none of the study's own comparisons that are primary has scores on both sides for the same seed."
    if own:
        return (
            "No answer: in each of the study's own comparisons, a chain reuses the target's own training data or is an "
            f"oracle ({LEAK})."
        )
    return "No answer yet: none of the study's own comparisons has scores on both sides for the same seed."
