"""The operations: each takes the instance and a decoded request, and returns the response."""
