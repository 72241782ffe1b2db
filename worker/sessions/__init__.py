"""When a session is extracted: what waits, when it falls due, and what finds those that were lost."""
