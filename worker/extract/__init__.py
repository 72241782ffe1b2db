"""From stored messages to durable facts in the memory table."""
