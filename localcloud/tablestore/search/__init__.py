"""The search index: definitions, synchronisation with the table, queries, scores, pages.

`engine.SearchEngine` is the only entrance. It holds its indexes in memory and rebuilds them from
the table's rows at start. What it does not do is refused (`refuse.py`), never answered roughly.
"""
