"""The Celery app: events to rows, rows to memories."""

import logging

# On import Tablestore's SDK warns of an optional encoder; without a handler that goes to stderr.
logging.getLogger("tablestore").addHandler(logging.NullHandler())
