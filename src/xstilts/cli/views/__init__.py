"""What the verbs print: tables and live views for the terminal, and the local status page."""
