"""What the workers count: one list of all metrics, fed by the events they log, kept together in Redis."""
