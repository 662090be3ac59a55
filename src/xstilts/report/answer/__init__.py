"""The answer of a study in one sentence, the sentences that qualify it, its limitations and the quality of its evidence."""
