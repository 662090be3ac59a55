"""Tables and records that everything above uses: `language.py` (the languages), `cc100.py` (XLM-R's pre-training data by
language) and `yaml_records.py` (YAML -> a checked record). All three are public.
"""
