"""The tables of a report as plain records, one file a subject. Every rendering prints the same tables."""
