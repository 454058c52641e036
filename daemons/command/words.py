"""Words on the command line: several in one argument, such as 'nocheck nodoc', each of the form that a value has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import msgspec


def words_of(form: Any) -> Callable[[str], tuple[str, ...]]:
    """Make a click type that takes words of this msgspec type. It raises click.BadParameter."""

    def words(text: str) -> tuple[str, ...]:
        try:
            return tuple(msgspec.convert(word, form) for word in text.split())
        except msgspec.ValidationError:
            raise click.BadParameter(f"'{text}': write words like 'nocheck', with spaces between them") from None

    return words
