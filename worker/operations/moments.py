"""Stamps as people and programs outside read them."""

from datetime import UTC, datetime


def iso(micros: int) -> str | None:
    """A stamp in µs as ISO 8601 in UTC; None for none."""
    if not micros:
        return None
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat(timespec="milliseconds")


def utc(micros: int) -> str:
    """A stamp in µs within a sentence."""
    return f"{datetime.fromtimestamp(micros / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC"
