"""The Celery app: events to rows, rows to memories."""
