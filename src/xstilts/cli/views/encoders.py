"""Encoders in the terminal: the table of architectures, and what is known of one after it was loaded and checked."""

from typing import Any

from rich.console import Console
from rich.table import Table

from xstilts.model.architectures import ENCODER_TYPES, EncoderType

HEADS = {
    "AutoModelForSequenceClassification": "classify",
    "AutoModelForMultipleChoice": "choice",
    "AutoModelForTokenClassification": "tag",
    "AutoModelForQuestionAnswering": "span",
    "AutoModelForMaskedLM": "mlm",
}


def type_record(row: EncoderType) -> dict[str, Any]:
    """A row of the table as JSON."""
    return {
        "model_type": row.model_type,
        "known_as": row.known_as,
        "attention": row.attention + (", local windows" if row.windows else ""),
        "unpadded": row.unpadded,
        "positions_behind_padding": row.positions_behind_padding,
        "dropout": list(row.dropouts),
        "export": [HEADS[name] for name in row.heads],
    }


def print_types(console: Console) -> None:
    """A line for each type."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("type", "attention", "padding"):
        table.add_column(name, no_wrap=True)
    table.add_column("exported heads")
    table.add_column("known as")
    for row in ENCODER_TYPES.values():
        record = type_record(row)
        padding = "left out" if row.unpadded else "computed"
        table.add_row(row.model_type, record["attention"], padding, ", ".join(record["export"]) or "-", row.known_as)
    console.print(table)
    console.print(
        "\ntype: `model_type` in config.json. padding: whether time is spent on it. exported heads: formats whose trained "
        "head transformers has too; of the others `xstilts export` writes the encoder without its head. "
        "check one: xstilts encoders FOLDER",
        style="dim",
    )


def print_encoder(console: Console, record: dict[str, Any]) -> None:
    """A line for each thing that `inspect_encoder` found, beside the row of its type."""
    row = ENCODER_TYPES[record["model_type"]]
    shown = type_record(row)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    million = "{:,.1f} million".format
    tokenizers = {
        "as given": "transformers gives the ids of its tokenizer.json",
        "as in tokenizer.json": "its tokenizer.json as it is; transformers' own class for it gives other ids, so it is not used",
        "converted": "converted: there is no tokenizer.json in the folder",
    }
    lines = {
        "type": f"{record['model_type']} ({row.known_as})",
        "size": f"{record['blocks']} blocks of {record['hidden']}; {million(record['weights'] / 1e6)} weights, "
        f"{million(record['weights_without_embeddings'] / 1e6)} of them without the token embeddings",
        "vocabulary": f"{record['vocabulary']:,} tokens",
        "positions": f"{record['positions']:,} tokens at most (a recipe's max_length)",
        "attention": f"{shown['attention']}; time is {'not ' if row.unpadded else ''}spent on padding",
        "token types": "0 and 1 for the two texts of a pair" if record["token_types"] else "all texts have the same",
        "tokenizer": tokenizers[record["tokenizer"]],
        "words": "encoded with a blank before them (tagging)"
        if record["blank_before_words"]
        else "encoded as they are (tagging)",
        "retrieval": f"layers 0 (embeddings) to {record['blocks']}",
        "masked LM": "starts from its pretrained head" if record["pretrained_mlm_head"] else "starts from a fresh head",
        "export": f"with head: {', '.join(shown['export'])}" if shown["export"] else "without head",
    }
    for name, text in lines.items():
        table.add_row(name, text)
    console.print(table)
    console.print("\nEvery weight is there, and texts were encoded.", style="green")
