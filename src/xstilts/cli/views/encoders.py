"""Encoders in the terminal: the table of architectures, and what is known of one after it was loaded and checked."""

from pathlib import Path
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
        "pretrained_mlm_head": bool(row.mlm_head()),
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
        "\n[dim]type: `model_type` in config.json. padding: whether time is spent on it. exported heads: formats whose trained "
        "head transformers has too; of the others `xstilts export` writes the encoder without its head. "
        "check one: xstilts encoders FOLDER[/dim]"
    )


def encoder_record(folder: Path) -> dict[str, Any]:
    """What a study would use of a folder, after every weight was loaded and a sentence was encoded. The folder itself is only
    read. Raises InputError if the encoder is refused."""
    import shutil
    import tempfile

    from xstilts.model.encoder import (
        blocks,
        check_encoder,
        complete_folder,
        has_token_types,
        load_encoder,
        max_positions,
        mlm_head_weights,
    )
    from xstilts.model.encoder_files import check_files
    from xstilts.model.tokenizer import frame, load_tokenizer, needs_blank, type_separator
    from xstilts.recipe.encoder_identity import list_encoder_files

    check_files(folder)
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for path in list_encoder_files(folder):
            shutil.copyfile(path, copy / path.name)
        try:
            complete_folder(copy)
            row = check_encoder(copy)
        except Exception as error:
            raise type(error)(str(error).replace(name, str(folder))) from None
        tokenizer, encoder = load_tokenizer(copy), load_encoder(copy)
        as_it_is = (copy / "tokenizer.json").is_file() and _same_settings(folder, copy)
        weights = sum(weight.numel() for weight in encoder.parameters())
        embeddings: Any = encoder.get_input_embeddings()  # type: ignore[operator]
        types = has_token_types(encoder) and type_separator(tokenizer) is not None
        return {
            **type_record(row),
            "folder": str(folder),
            "blocks": len(blocks(encoder)),
            "hidden": int(encoder.config.hidden_size),  # type: ignore[union-attr, arg-type]
            "weights": weights,
            "weights_without_embeddings": weights - embeddings.weight.numel(),
            "vocabulary": int(embeddings.weight.shape[0]),
            "positions": max_positions(encoder),
            "token_types": types,
            "tokenizer": type(tokenizer).__name__,
            "tokenizer_changed": not as_it_is,
            "blank_before_words": needs_blank(tokenizer),
            "text_begins_with": tokenizer.convert_ids_to_tokens(frame(tokenizer)[0]),
            "pretrained_mlm_head": bool(mlm_head_weights(copy)),
        }


def _same_settings(folder: Path, copy: Path) -> bool:
    names = ("tokenizer.json", "tokenizer_config.json")
    return all((folder / n).is_file() and (folder / n).read_bytes() == (copy / n).read_bytes() for n in names)


def print_encoder(console: Console, record: dict[str, Any]) -> None:
    """What was found, a line each."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    million = "{:,.1f} million".format
    changed = "taken from tokenizer.json or made from its SentencePiece model; transformers by itself gives other ids or none"
    lines = {
        "type": f"{record['model_type']} ({record['known_as']})",
        "size": f"{record['blocks']} blocks of {record['hidden']}; {million(record['weights'] / 1e6)} weights, "
        f"{million(record['weights_without_embeddings'] / 1e6)} of them without the token embeddings",
        "vocabulary": f"{record['vocabulary']:,} tokens",
        "positions": f"{record['positions']:,} tokens at most (a recipe's max_length)",
        "attention": f"{record['attention']}; time is {'not ' if record['unpadded'] else ''}spent on padding",
        "token types": "0 and 1 for the two texts of a pair" if record["token_types"] else "all texts have the same",
        "tokenizer": changed if record["tokenizer_changed"] else "gives the ids of its tokenizer.json",
        "words": "encoded with a blank before them (tagging)"
        if record["blank_before_words"]
        else "encoded as they are (tagging)",
        "retrieval": f"layers 0 (embeddings) to {record['blocks']}",
        "masked LM": "starts from its pretrained head" if record["pretrained_mlm_head"] else "starts from a fresh head",
        "export": f"with head: {', '.join(record['export'])}" if record["export"] else "without head",
    }
    for name, text in lines.items():
        table.add_row(name, text)
    console.print(table)
    console.print("\n[green]every weight is there, and a sentence was encoded[/green]")
