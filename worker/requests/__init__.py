"""What users ask for by name: remember this, forget that."""
