"""How good the memories are: evidence recall, planted dates, updates and secrets, and recorded answers."""

import os

# Read when numpy is imported: more threads embed short texts no faster, and far slower on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
