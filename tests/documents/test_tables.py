"""A table supports a claim or contradicts it by its values alone: an edited number flips the verdict, another order does not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from xstilts.documents.claim import read_claim
from xstilts.documents.grid import find_mentions, read_grid, read_value
from xstilts.documents.paper import PaperTable
from xstilts.documents.tables import TableVerdict, check_table

PARSERS = PaperTable(
    "Table 2: Parsing of three treebanks.",
    ("Parser", "Vela LAS", "Norn LAS", "Quill LAS", "Perplexity"),
    (
        ("Gale", "71.3", "64.0", "[BOLD] 80.2", "41.7"),
        ("Gale+Tides", "[BOLD] 74.8", "[BOLD] 66.5", "79.1", "[BOLD] 33.9"),
        ("Mistral", "69.9±0.4", "61.2", "77.6", "-"),
        ("Breeze (ours)", "73.0", "65.1", "79.8", "35.2"),
    ),
)
RATES = PaperTable(
    "Two settings.",
    ("Setting", "Error rate", "Recall", "Share"),
    (("Plain", "12.4", "0.93", "40%"), ("Filtered", "9.3", "0.88", "55%"), ("- Filter", "11.0", "0.81", "35%")),
)

CORPORA = PaperTable(
    "Table 1: Two corpora.",
    ("Corpus", "Metric", "Ebb", "Flow", "TreeFlow", "Human"),
    (
        ("Ruby", "BLEU", "21.4", "20.9", "24.0", "-"),
        ("Ruby", "TER ↓", "60.1", "61.0", "55.2", "-"),
        ("Opal", "BLEU", "30.0", "31.2", "33.3", "40.1"),
        ("Opal", "TER ↓", "48.8", "47.7", "45.0", "30.2"),
    ),
)
PARTS = PaperTable(
    "What each part gives.",
    ("Model", "Acc.", "F1"),
    (("Full model", "88.2", "85.1"), ("- attention", "84.0", "80.3"), ("w/o character CNN", "86.9", "84.4")),
)


def check(text: str, table: PaperTable = PARSERS) -> TableVerdict:
    return check_table(read_claim("c", text), table).verdict


@pytest.mark.parametrize(
    ("text", "table", "expected"),
    [
        ("Gale reaches 71.3 LAS on Vela.", PARSERS, "supported"),
        ("Gale reaches 72.3 LAS on Vela.", PARSERS, "contradicted"),
        ("Gale reaches 74.8 LAS on Vela.", PARSERS, "contradicted"),  # that is Gale+Tides
        ("Gale reaches about 71 LAS on Vela.", PARSERS, "supported"),
        ("Mistral has an LAS of 69.9 on Vela.", PARSERS, "supported"),
        ("Gale does not reach 71.3 LAS on Vela.", PARSERS, "contradicted"),
        ("Gale+Tides (74.8) is ahead of Mistral (69.9) on Vela.", PARSERS, "supported"),
        ("Gale+Tides (69.9) is ahead of Mistral (74.8) on Vela.", PARSERS, "contradicted"),
        ("On Vela, Gale+Tides gains 3.5 points over Gale.", PARSERS, "supported"),
        ("Plain has a recall of 93%.", RATES, "supported"),
        ("Plain has a recall of 83%.", RATES, "contradicted"),
        ("Filtered reduces the error rate of Plain by 25%.", RATES, "supported"),
        ("Gale+Tides outperforms Mistral on Vela.", PARSERS, "supported"),
        ("Mistral outperforms Gale+Tides on Vela.", PARSERS, "contradicted"),
        ("Mistral does not outperform Gale+Tides on Vela.", PARSERS, "supported"),
        ("Mistral is outperformed by Gale+Tides on Vela.", PARSERS, "supported"),
        ("Compared to Mistral, Gale+Tides is better on Vela.", PARSERS, "supported"),
        ("Gale+Tides is better than Gale on all treebank datasets.", PARSERS, "contradicted"),  # not on Quill
        ("Gale+Tides is generally better than Gale.", PARSERS, "supported"),
        ("Gale+Tides achieves the best Vela LAS.", PARSERS, "supported"),
        ("Gale+Tides achieves the best Quill LAS.", PARSERS, "contradicted"),
        ("The best parser on Quill is Gale.", PARSERS, "supported"),
        ("Mistral is the worst on Norn.", PARSERS, "supported"),
        ("Our parser outperforms Mistral on Norn.", PARSERS, "supported"),
        ("Gale+Tides has a lower perplexity than Gale.", PARSERS, "supported"),
        ("Gale+Tides has a better perplexity than Gale.", PARSERS, "supported"),
        ("Gale is better than Gale+Tides in perplexity.", PARSERS, "contradicted"),
        ("Plain has a higher error rate than Filtered.", RATES, "supported"),
        ("Filtered has the lowest error rate.", RATES, "supported"),
        ("Removing the filter increases the share.", RATES, "contradicted"),
        ("Except on Quill, Gale+Tides is the best.", PARSERS, "supported"),
        ("All parsers perform better on Quill than on Norn.", PARSERS, "supported"),
        ("All parsers perform better on Norn than on Quill.", PARSERS, "contradicted"),
        ("Gale+Tides yields an improvement of 4.5 LAS over Gale on Norn.", PARSERS, "contradicted"),
        ("The training of Gale took longer than that of Mistral.", PARSERS, "unsupported"),
        ("TreeFlow is the best model on all corpora.", CORPORA, "supported"),  # nobody competes with humans
        ("TreeFlow reduces TER on Ruby by 4.9 points compared to Ebb.", CORPORA, "supported"),
        ("Flow has a higher TER than Ebb on Ruby.", CORPORA, "supported"),
        ("On Opal, Flow achieves 31.2 BLEU, 2.2 points more than Ebb.", CORPORA, "contradicted"),
        ("All models obtain higher BLEU on Opal than on Ruby.", CORPORA, "supported"),
        ("The full model reaches 88.2 accuracy.", PARTS, "supported"),
        ("The full model reaches 86.9 accuracy.", PARTS, "contradicted"),
        ("Removing attention decreases F1 by 4.8 points.", PARTS, "supported"),
        ("Removing attention increases F1 by 4.8 points.", PARTS, "contradicted"),
        ("The character CNN improves both accuracy and F1.", PARTS, "supported"),
        ("The character CNN does not improve F1.", PARTS, "contradicted"),
        ("Zephyr outperforms all the others on the Moor treebank.", PARSERS, "unsupported"),
        ("Gale was trained for three days on Vela.", PARSERS, "unsupported"),
        ("Parsing is useful.", PARSERS, "unsupported"),
    ],
)
def test_a_claim_is_looked_up(text: str, table: PaperTable, expected: TableVerdict) -> None:
    assert check(text, table) == expected


def test_the_reason_names_the_values_and_the_cells_are_those_that_were_used() -> None:
    found = check_table(read_claim("c", "Mistral outperforms Gale+Tides on Vela."), PARSERS)
    assert "69.9±0.4 (Mistral / Vela LAS)" in found.reason and "\n" not in found.reason
    assert {(cell.row, cell.column, cell.value) for cell in found.cells} == {
        ("Mistral", "Vela LAS", 69.9),
        ("Gale+Tides", "Vela LAS", 74.8),
    }


def test_an_edited_number_flips_the_verdict() -> None:
    draw = random.Random(1)
    for _ in range(60):
        table = make_table(draw)
        row, column = draw.choice(table.rows), draw.randrange(1, len(table.columns))
        written = {cell for line in table.rows for cell in line[1:]}
        edited = next(v for v in iter(lambda: f"{draw.uniform(10, 99):.1f}", "") if v not in written)
        text = f"{row[0]} has a score of {{}} on {table.columns[column]}."
        assert check(text.format(row[column]), table) == "supported"
        assert check(text.format(edited), table) == "contradicted"


def test_swapped_sides_flip_the_verdict() -> None:
    draw = random.Random(2)
    for _ in range(60):
        table = make_table(draw)
        column = draw.randrange(1, len(table.columns))
        better, worse = sorted(draw.sample(table.rows, 2), key=lambda row: -float(row[column]))
        text = f"{{}} outperforms {{}} on {table.columns[column]}."
        assert check(text.format(better[0], worse[0]), table) == "supported"
        assert check(text.format(worse[0], better[0]), table) == "contradicted"


def test_another_order_of_rows_and_columns_changes_no_verdict() -> None:
    draw = random.Random(3)
    claims = [
        "{a} outperforms {b} on {x}.",
        "{a} has the best {x}.",
        "{a} has a higher {x} than {b} and a lower {y}.",
        "{a} ({v}) is behind {b}.",
        "{a} gains 2.5 points over {b} on {y}.",
    ]
    for _ in range(60):
        table = make_table(draw)
        (a, *values), (b, *_) = draw.sample(table.rows, 2)
        x, y = draw.sample(table.columns[1:], 2)
        rows = draw.sample(table.rows, len(table.rows))
        order = [0, *draw.sample(range(1, len(table.columns)), len(table.columns) - 1)]
        moved = PaperTable(
            table.caption, tuple(table.columns[c] for c in order), tuple(tuple(row[c] for c in order) for row in rows)
        )
        for claim in claims:
            text = claim.format(a=a, b=b, x=x, y=y, v=draw.choice(values))
            assert check(text, table) == check(text, moved), text


def test_without_what_is_named_nothing_is_supported() -> None:
    text = "Gale+Tides outperforms Mistral on Vela by 4.9 points."
    assert check(text) == "supported"
    assert check(text, replace(PARSERS, rows=PARSERS.rows[:1])) == "unsupported"
    assert check(text, replace(PARSERS, rows=())) == "unsupported"


def test_no_table_is_too_ragged() -> None:
    draw = random.Random(4)
    pieces = ["", "-", "Gale", "12.3", "[EMPTY]", "7/8", "±", "Vela", "1.2±0.3", "[BOLD] 5%", "↓", "(a)", "1", "2"]
    for _ in range(300):
        rows = tuple(tuple(draw.choices(pieces, k=draw.randrange(5))) for _ in range(draw.randrange(5)))
        table = PaperTable(draw.choice(pieces), tuple(draw.choices(pieces, k=draw.randrange(4))), rows)
        for text in (
            "",
            "Gale",
            "Gale (12.3) outperforms the others on Vela by 5%.",
            "The best is Gale.",
            "Gale improves all tasks.",
        ):
            check(text, table)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("[BOLD] 12.3", 12.3), ("12.3±0.5", 12.3), ("45.2 (3.1)", 45.2), ("+4.2%", 4.2), ("−.154", -0.154), ("1,234", 1234.0),
        ("19.1M", 19.1e6), ("35.2 +6.0%", 35.2), ("<bold>7</bold>", 7.0), ("2.20*", 2.2), ("-", None), ("", None),
        ("0-20 words", None), ("4m per epoch", None), ("Gale 2", None),
    ],
)  # fmt: skip
def test_values_are_read_from_cells(cell: str, value: float | None) -> None:
    found = read_value(cell)
    assert (found and found[0]) == (value and pytest.approx(value))


def test_heads_of_two_lines_and_sections_become_labels() -> None:
    rows = [
        ("", "P", "R", "P"),
        ("Small", "", "", ""),
        ("Gale", "1.0", "2.0", "3.0"),
        ("Large", "", "", ""),
        ("Gale", "4.0", "5.0", "6.0"),
    ]
    grid = read_grid(PaperTable("", ("", "Vela", "Vela", "Norn"), tuple(rows)))
    assert grid.columns == ("", "Vela P", "Vela R", "Norn P")
    assert grid.rows == ("Small Gale", "Large Gale")
    (mention,) = [one for one in find_mentions("the precision of Vela", grid) if one.end == len("the precision of Vela")]
    assert mention.which == {1}


def test_two_values_of_one_cell_are_two_columns_and_labels_written_once_go_on() -> None:
    grid = read_grid(
        PaperTable(
            "", ("Data", "Model", "EM/F1"), (("Vela", "Gale", "1.0/2.0"), ("", "Breeze", "3.0/-"), ("Norn", "Gale", "5.0/6.0"))
        )
    )
    assert grid.rows == ("Vela Gale", "Vela Breeze", "Norn Gale")
    assert [cell.value for _, cell in sorted(grid.cells.items())] == [1, 2, 3, 5, 6]


def test_a_table_without_a_head_and_a_column_of_numbers_that_names_its_rows() -> None:
    counts = PaperTable("", ("Tweets", "2921"), (("True cues", "2674"), ("False cues", "247")))
    assert check("There are 247 false cues.", counts) == "supported"
    assert check("There are 2,921 tweets.", counts) == "supported"
    layers = PaperTable("", ("Layers", "F1"), (("2", "71.0"), ("4", "73.5"), ("8", "70.2")))
    assert check("With 4 layers F1 is 73.5.", layers) == "supported"
    assert check("With 8 layers F1 is 73.5.", layers) == "contradicted"


def test_words_that_are_a_whole_label_are_not_part_of_another() -> None:
    grid = read_grid(PaperTable("", ("", "WER", "DCE"), (("Minimizing DCE", "31.1", "0.3"), ("Plain", "38.4", "0.9"))))
    assert [(one.axis, one.which) for one in find_mentions("a lower DCE", grid)] == [("column", {2})]


def test_a_whole_label_is_named_before_a_longer_one() -> None:
    grid = read_grid(
        PaperTable("", ("", "F1"), (("BERT", "1.0"), ("BERT-large", "2.0"), ("XLNet-base", "3.0"), ("XLNet-large", "4.0")))
    )
    named = {text: [one.which for one in find_mentions(text, grid)] for text in ("BERT", "BERT-large", "XLNet")}
    assert named == {"BERT": [{0}], "BERT-large": [{1}], "XLNet": [{2, 3}]}


def make_table(draw: random.Random) -> PaperTable:
    """A table of invented names, in which no value occurs twice."""
    names = draw.sample(["Alder", "Birch", "Cedar", "Dogwood", "Elder", "Fir", "Ginkgo"], draw.randrange(3, 6))
    heads = draw.sample(["Vela", "Norn", "Quill", "Moor", "Fjord"], draw.randrange(2, 5))
    values = iter(draw.sample([f"{value / 10:.1f}" for value in range(400, 990)], len(names) * len(heads)))
    return PaperTable("Scores.", ("Model", *heads), tuple((name, *(next(values) for _ in heads)) for name in names))
