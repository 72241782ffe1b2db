"""New facts meet what is known: decided, written down, applied once. The only writers of a user's memories."""
