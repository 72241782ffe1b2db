"""A local Tablestore that the official clients cannot tell from the real one.

Owns the wire protocol, data tables, secondary and search indexes. What is not there is refused with
OTSUnsupportOperation, never answered wrongly. Coverage: docs/local-tablestore.md.
"""
