"""What the search index does not show yet, until it does."""
