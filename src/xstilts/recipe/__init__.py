"""What a training phase is: its hyperparameters, its mixture of tasks, and the encoder that it starts from. No torch.

Read `recipe.py` (and `robust.py`), then `mixture.py`, then `encoder_identity.py`.
Public: `Recipe` and `PRESETS`, `Mixture`, `Architecture`, `Scratch`.
"""
