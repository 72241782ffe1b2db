"""What an adapter raises beside the errors of publisher and store."""


class Unsupported(NotImplementedError):
    """The framework asks for what a memory in the background cannot do; the text says what can be done instead."""
