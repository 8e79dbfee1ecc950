"""What every decoder of a private topic raises where it meets a record of a later version."""


class NewerFormat(Exception):  # noqa: N818  (a sentence for the operator)
    """A record of a private topic was written by a newer Headrace than this one."""
