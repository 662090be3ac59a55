"""The model: an encoder (the trunk), heads, and the codecs that turn examples into token ids, a loss and predictions.

`model.py` holds trunk and heads and writes them to a folder; `encoder.py` loads the trunk; `codecs/` has one file a format.
The rest makes it fast or small without changing results: `unpadding.py`, `vocabulary.py` (a trimmed embedding table),
`token_cache.py` (features on disk), `token_batches.py`. `embedding.py` and `neighbours.py` serve retrieval;
`adapt.py` freezes blocks and adds LoRA; `segmentation.py` cuts words into other pieces, and `sampled_rows.py` makes
training rows anew at each visit.
"""
