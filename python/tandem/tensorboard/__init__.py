"""`td.tensorboard`: curves, pictures, texts and the graphs of compiled functions for TensorBoard.

Writing needs no other package; `pip install tensorboard` and `tensorboard --logdir FOLDER` show what was written.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tandem.tensorboard.writer import Writer

__all__ = ["Writer"]


def __getattr__(name: str) -> Any:
    if name == "Writer":  # not before it is needed: importing tandem stays cheap
        from tandem.tensorboard.writer import Writer

        globals()[name] = Writer
        return Writer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
