"""The store: folders of results, each named by a key, which is the hash of everything that decides the result.

Read in this order: `fingerprint.py` (values -> keys), `store.py` (the folders), `lease.py` (who works on a folder now),
`parts.py` (what outlives an attempt), `cleaning.py` (what of it nothing needs). All five are public. The rest of the package is
above this one.
"""
