"""The study record: a question and the grid that answers it, and the studies that come with the package."""
