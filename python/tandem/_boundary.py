"""Where the user's code ends and this package begins: tracebacks show only the former."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def public(function: Function) -> Function:
    """Let the errors of a function end at the line that called it, as those of a built-in function do."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            raise  # a bare `raise` does not add this frame again

    return call  # type: ignore[return-value]


def hide_frames(error: BaseException) -> None:
    """Take the frames of this package out of the error's traceback."""
    from tandem.scripting.errors import user_traceback

    error.__traceback__ = user_traceback(error.__traceback__)
