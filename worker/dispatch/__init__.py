"""Who starts the work: one leader looks at Redis and enqueues; marks keep it from doing so twice or early."""
