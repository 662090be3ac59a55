"""Tasks: the record, the catalogue, suites, the files that they read, and tasks that users declare. No torch."""

from xstilts.tasks import catalogue as catalogue  # registers its tasks
