"""What stands before every room of the server, as ASGI middleware, from the outside in.

`failures` (whatever happens is told as a problem) · `crowd` (so many at once) · `patience` (for so long) ·
`names` (Host and Origin) · `bodies` (of such a size) · `traces` (in the trace that it names). None of them knows
users or tokens.
"""
