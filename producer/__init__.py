"""What an agent imports: publish events to Redis and go on. Needs redis and msgspec only."""
