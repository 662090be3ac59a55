"""What is computed: the kinds of stages (`stage.py`), what each is told and reads (`contracts.py`), a body for each kind in the
file of its name, and the frame of an attempt (`attempt.py`)."""
