"""`td.tensorboard.Writer`: appends what happens in a run to a file that TensorBoard shows while it grows."""

from __future__ import annotations

import functools
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tandem import _core
from tandem._boundary import public
from tandem.jit import outside_of_capture
from tandem.tensorboard import _profile, _summaries
from tandem.tensorboard._records import RecordFile
from tandem.tensorboard._wire import encode

if TYPE_CHECKING:
    from tandem.profiling import Profiler

__all__ = ["Writer"]

Method = TypeVar("Method", bound=Callable[..., None])


def _adds(method: Method) -> Method:
    """Refuse a call in a function that is being captured: it would write once, and then never again."""

    @functools.wraps(method)
    def call(self: Writer, *args: Any, **kwargs: Any) -> None:
        outside_of_capture(method.__name__)
        method(self, *args, **kwargs)

    return public(call)  # type: ignore[return-value]


class Writer:
    """Write scalars, histograms, images, texts, hyper-parameters, graphs and profiles of a run for TensorBoard.

    folder: where its event file is created; TensorBoard takes every folder with such files for a run. A name is given
    anew each time, so that a resumed run continues in the same folder. suffix: ends the name of the file.

    Each record is handed to the system at once: it survives whatever becomes of the process, and nothing needs to be
    flushed for TensorBoard to see it. Threads may share a writer. Tags with slashes are grouped by what is before.

    >>> with td.tensorboard.Writer("runs/first") as writer:
    ...     for step in range(3):
    ...         writer.add_scalar("loss/train", td.exp(td.asarray(-1.0 * step)), step)
    ...     writer.add_text("note", "**three** steps")
    >>> writer.path.parent.name
    'first'
    """

    def __init__(self, folder: str | os.PathLike[str] = "runs", suffix: str = "") -> None:
        self.folder = Path(folder)
        self._suffix = suffix
        self._file = RecordFile(self.folder, suffix)
        self._lock = threading.Lock()
        self._beside: dict[str, Writer] = {}  # the runs of add_scalars
        self._session = False  # hyper-parameters were written
        self._append(0, None, {"file_version": "brain.Event:2", "source_metadata": {"writer": "tandem"}})

    @property
    def path(self) -> Path:
        """The event file."""
        return self._file.path

    @_adds
    def add_scalar(self, tag: str, value: Any, step: int, wall_time: float | None = None) -> None:
        """Add a point to the curve of a tag: a number or a tensor with one element, stored as float32.

        wall_time: seconds since 1970, by default now, here and everywhere.
        """
        self._add("add_scalar", [_summaries.scalar(tag, value)], step, wall_time)

    @_adds
    def add_scalars(self, tag: str, values: Mapping[str, Any], step: int, wall_time: float | None = None) -> None:
        """Add a point to each of several curves that one chart shows.

        TensorBoard draws the curves of one tag over all runs in one chart, so each name has a run of its own, in the
        folder `tag_name` of this one.
        """
        for name, value in values.items():
            key = f"{tag}_{name}".replace("/", "_").replace(os.sep, "_")
            with self._lock:
                if key not in self._beside:
                    self._beside[key] = Writer(self.folder / key, self._suffix)
            self._beside[key]._add("add_scalars", [_summaries.scalar(tag, value)], step, wall_time)

    @_adds
    def add_histogram(
        self, tag: str, values: Any, step: int, buckets: int = 30, wall_time: float | None = None
    ) -> None:
        """Add how the elements of a tensor are distributed, in buckets of one width between their extremes.

        Elements that are not finite are left out.
        """
        if buckets < 1:
            raise ValueError(f"add_histogram: got buckets={buckets}; need at least one")
        self._add("add_histogram", [_summaries.histogram(tag, values, buckets)], step, wall_time)

    @_adds
    def add_image(
        self, tag: str, image: Any, step: int = 0, layout: str = "CHW", wall_time: float | None = None
    ) -> None:
        """Add a picture: uint8, bool, or floats from 0 to 1 (others are clipped, NaN is black).

        layout: the axes of `image`: H, W, and C if there is any. 1 channel is grey, 2 grey with alpha, 3 RGB, 4 RGBA.
        """
        _without(layout, "N", "add_image")
        layout = "HW" if layout == "CHW" and getattr(image, "ndim", 3) == 2 else layout
        self._add("add_image", [_summaries.images("add_image", tag, image, layout)], step, wall_time)

    @_adds
    def add_images(
        self, tag: str, images: Any, step: int = 0, layout: str = "NCHW", wall_time: float | None = None
    ) -> None:
        """Add the pictures of a batch, side by side under one tag. See `add_image`."""
        layout = "NHW" if layout == "NCHW" and getattr(images, "ndim", 4) == 3 else layout
        self._add("add_images", [_summaries.images("add_images", tag, images, layout)], step, wall_time)

    @_adds
    def add_text(self, tag: str, text: str, step: int = 0, wall_time: float | None = None) -> None:
        """Add a text in Markdown."""
        self._add("add_text", [_summaries.text(tag, text)], step, wall_time)

    @_adds
    def add_hparams(self, hparams: Mapping[str, Any], metrics: Mapping[str, Any] | None = None, step: int = 0) -> None:
        """Write the hyper-parameters of this run, once, for TensorBoard's table of runs.

        hparams: bools, numbers and texts (lists, dtypes and None are shown as text). The table has a column for every
        hyper-parameter and every scalar of the runs below one folder. metrics: scalars to write now, at `step`. The run
        counts as a success when the writer is closed, as a failure when its `with` block ends by an error.
        """
        values = [_summaries.session_start(hparams)]
        values += [_summaries.scalar(tag, value) for tag, value in (metrics or {}).items()]
        with self._lock:
            if self._session:
                raise _core.Error(
                    "add_hparams: got hyper-parameters a second time; need one run for each choice; "
                    "try another Writer in a folder of its own"
                )
            self._session = True
        self._add("add_hparams", values, step, None)

    @_adds
    def add_graph(
        self, function: Any, tag: str | None = None, profile: Profiler | None = None, wall_time: float | None = None
    ) -> None:
        """Write the planned graph of a compiled function that was called, one of each of its specialisations.

        Operations are grouped by function and line of the source, and "XLA cluster" colours them by kernel.
        tag: by default the name of the function. profile: a `td.profiler` whose times are shown as compute times.
        """
        from tandem.tensorboard._graph import runs

        for name, content in runs(function, tag, profile):
            # What has times is under a plug-in of its own.
            plugin = "graph_run_metadata_graph" if profile is None else "graph_run_metadata"
            self._add("add_graph", [_summaries.blob(name, plugin, content)], 0, wall_time)

    @_adds
    def add_profile(self, profile: Profiler, tag: str = "profile", step: int = 0) -> None:
        """Write a `td.profiler`: tables, times as curves, a picture of what ran when, and the trace as a file.

        The tables are texts: kernels, source lines, compiled functions. The slowest kernels have a curve each, so that
        profiles of several steps can be compared. The trace lies beside the event file, `<tag>.<step>.trace.json`, for
        ui.perfetto.dev and chrome://tracing. `add_graph` shows the times of kernels in the graph.
        """
        tables = {name: profile.table(by=name, rows=50) for name in ("kernel", "line", "function")}
        values = [_summaries.text(f"{tag}/{name}s", _indented(table)) for name, table in tables.items()]
        values += _profile.curves(tag, profile)
        values.append(_summaries.images("add_profile", f"{tag}/timeline", _profile.picture(profile), "HWC"))
        trace = self.folder / f"{re.sub('[^A-Za-z0-9_.-]', '_', tag)}.{int(step)}.trace.json"
        profile.save(trace)
        note = f"\n\nThe whole trace is `{trace.name}` in the folder of this run, for ui.perfetto.dev.\n"
        values.append(_summaries.text(f"{tag}/legend", _profile.legend(profile) + note))
        self._add("add_profile", values, step, None)

    @public
    def flush(self) -> None:
        """Wait until everything is on the disk, where it survives even a failure of power."""
        for writer in (self, *self._beside.values()):
            writer._file.sync()

    @public
    def close(self) -> None:
        """Close the file. Closing twice does nothing."""
        self._end(_summaries.SUCCESS)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end(_summaries.SUCCESS if kind is None else _summaries.FAILURE)

    def __repr__(self) -> str:
        return f"<td.tensorboard.Writer of {self.path}{', closed' if self._file.closed else ''}>"

    def __reduce__(self) -> Any:
        raise TypeError("tensorboard.Writer: got a copy; need one writer for each file; try a new Writer")

    def _add(self, what: str, values: list[_summaries.Value], step: int, wall_time: float | None) -> None:
        for value in values:
            if not isinstance(value["tag"], str) or not value["tag"]:
                raise TypeError(f"{what}: got tag={value['tag']!r}; need a text that is not empty")
        self._append(step, wall_time, {"summary": {"value": values}})

    def _append(self, step: int, wall_time: float | None, content: dict[str, Any]) -> None:
        event = {"wall_time": time.time() if wall_time is None else wall_time, "step": int(step), **content}
        self._file.append(encode("Event", event))

    def _end(self, status: Any) -> None:
        with self._lock:
            if self._session and not self._file.closed:
                self._append(0, None, {"summary": {"value": [_summaries.session_end(status)]}})
            for writer in (self, *self._beside.values()):
                writer._file.close()


def _without(layout: str, axis: str, what: str) -> None:
    if axis in layout:
        raise ValueError(f"{what}: got layout={layout!r}; need one picture; try add_images")


def _indented(text: str) -> str:
    """As a block of code in Markdown."""
    return "".join(f"    {line}\n" for line in text.splitlines())
