"""What Qwen cost, by day, user, model and purpose; what people did by hand: kept in Redis, moved to Tablestore."""
