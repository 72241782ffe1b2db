"""What publishers and workers agree on: events, streams, keys. Knows no connection."""
