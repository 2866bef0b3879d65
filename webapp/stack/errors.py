"""What can keep the stack from starting. The text is one line for the person at the terminal."""


class StackError(Exception):
    """The stack cannot start or stop; the text says why and what to do."""
