"""Stamps as people and programs outside read them."""

from tablestore_memory.worker.stores.columns import moment


def iso(micros: int) -> str | None:
    """A stamp in µs as ISO 8601 in UTC; None for none."""
    if not micros:
        return None
    return moment(micros).isoformat(timespec="milliseconds")


def utc(micros: int) -> str:
    """A stamp in µs within a sentence."""
    return f"{moment(micros):%Y-%m-%d %H:%M:%S} UTC"
