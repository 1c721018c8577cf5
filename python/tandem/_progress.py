"""What `td.fit` shows of itself while it runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tandem.training import Run


class Progress:
    """Bars of tqdm, lines of text, or nothing."""

    def __init__(self, run: Run, data: Any, kind: bool | str) -> None:
        self._run, self._kind = run, kind
        self._total = len(data) if hasattr(data, "__len__") else None
        self._tqdm: Any = None
        if kind is True:
            try:
                self._tqdm = importlib.import_module("tqdm.auto").tqdm
            except ImportError:
                self._kind = "text"

    def over(self, batches: Iterator[Any]) -> Iterator[Any]:
        if self._tqdm is None:
            yield from batches
            return
        run = self._run
        name = f"epoch {run.epoch + 1}/{run.epochs}"
        with self._tqdm(total=self._total, initial=run.batch, desc=name, leave=False) as bar:
            for batch in batches:
                yield batch
                bar.set_postfix_str(_numbers(run.logs), refresh=False)
                bar.update()

    def epoch(self) -> None:
        if not self._kind:
            return
        line = f"epoch {self._run.epoch}/{self._run.epochs}  {_numbers(self._run.logs)}"
        if self._tqdm is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self._tqdm.write(line, file=sys.stderr)


def _numbers(logs: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in logs.items())
