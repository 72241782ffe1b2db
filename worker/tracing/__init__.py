"""Spans of what the workers and recall do, for OpenTelemetry; where that is not loaded, nothing is done."""
