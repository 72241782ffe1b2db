"""Which codec of the SDK is in use: its native one loads on CPython 3.12, x86-64 Linux, and nowhere else.

Without it the SDK goes on in Python, in which a row costs thirteen times the processor time to encode.
"""

from tablestore import decoder, encoder


def has_native_codec() -> bool:
    """Whether rows are encoded and decoded natively in this process."""
    return bool(encoder.NATIVE_ENCODER_AVAILABLE and decoder.NATIVE_DECODER_AVAILABLE)
