"""The tables of a report, one module for each subject. `table.py` has the record `Table`, which every rendering prints.

The functions `..._table` make a `Table` from `Findings`, or None where there is nothing to show. `describe_...` write sentences.
"""
