"""What a person has to mend: the base of every error that is told in one or two lines, without a traceback."""


class Problem(Exception):
    """Something went wrong that is nobody's bug; the message says what, to which file, and what to do."""
