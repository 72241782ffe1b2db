"""What answering and judging models are told, one file a version. A changed prompt is a new file."""
