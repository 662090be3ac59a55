"""Training: one loop for every phase. Needs torch.

Read in this order: `loop.py` (the loop), `step.py` (one optimizer step), `robust.py` (noise and ascent inside it), `ddp.py`
(several processes), `checkpoint.py`, `evaluate.py` (prediction and scores), `flops.py` (utilisation), `malloc.py`. Public:
`Training`, `PhaseSpec`, `MixtureTask`, `predict`.
"""
