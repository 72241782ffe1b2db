"""What the workers share in Redis: leases, entries in flight, attempts, and the scripts that change them."""
