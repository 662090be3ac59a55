"""The figures of a report as plain records, and the SVG that every rendering shows."""
