"""HTTP: each operation a function of what it was asked, in types; `table` lists them all.

A request is decoded into the types, an answer encoded from them, and the OpenAPI document written of the same.
What an event may hold is the protocol's matter, here as everywhere.
"""
