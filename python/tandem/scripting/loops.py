"""`while` and `for` whose condition, length or items may be tensors."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from tandem import _core
from tandem.scripting import context, regions
from tandem.scripting.carried import Carried
from tandem.scripting.context import is_dim, is_symbolic
from tandem.scripting.purity import MIN_TRIPS
from tandem.scripting.sequences import Sequence, sequence
from tandem.scripting.stacking import Stacks
from tandem.scripting.state import Snapshot, is_weak, lift, tested, truth


def _condition(test: Any) -> Any:
    """The condition as a tensor that a loop carries: it may be a Python truth in one iteration and none in the next."""
    value = truth(test)
    return value.astype(_core.bool) if is_weak(value) else value


class While:
    """Answers each test of a `while`: as Python does, until a condition is a tensor.

    Then the variables become the parameters of a graph loop, the body runs once to record it, and the loop ends. The
    condition is evaluated as often as in Python: the first value enters the loop, the body computes the next one.
    """

    __slots__ = ("_line", "_loop", "_names", "_updated", "_values", "restore")

    def __init__(self, names: tuple[str, ...], updated: tuple[str, ...], line: int) -> None:
        self._names, self._updated, self._line = names, updated, line
        self._loop: Carried | None = None
        self.restore = False

    def next(self, test: Any, scope: dict[str, Any]) -> bool:
        test = tested(test)
        if self._loop is None:
            if not is_symbolic(test):
                return bool(test)
            self._loop = Carried(Snapshot(self._names, scope), self._updated, f"'while' at line {self._line}")
            self._loop.extras = {"condition": _condition(test)}
        else:
            self._loop.next_extras = {"condition": _condition(test)}
            problems = self._loop.close(Snapshot(self._names, scope))
            if not problems:
                self._values = self._loop.results
                self._loop = None
                self.restore = True
                return False
            self._loop.abort()
            self._loop.adjust(problems)
        self._loop.open(operator.itemgetter("condition"))
        self._values = self._loop.params
        self.restore = True
        return True

    def values(self) -> tuple[Any, ...]:
        return self._values


class For:
    """Hands out the items of a `for`, or records the body once as a graph loop over an index.

    A length that depends on a tensor must be a loop. Over a plain range or a tensor of known length the loop is on
    trial: if the body fails with an index that is a tensor, or a variable changes its type, it is unrolled instead,
    from the state before the trial. A variable that only gets its type in the first iteration costs one unrolled
    iteration.
    """

    def __init__(
        self,
        iterable: Any,
        names: tuple[str, ...],
        updated: tuple[str, ...],
        live: tuple[str, ...],
        target: str | None,
        line: int,
        not_simple: str | None,
        stoppable: bool,
        lists: tuple[str, ...],
    ) -> None:
        self._names, self._updated, self._live, self._target = names, updated, live, target
        self._lists = lists
        self._line, self._not_simple, self._stoppable = line, not_simple, stoppable
        self._sequence: Sequence | None = sequence(iterable) if context.current() is not None else None
        self._iterator = iter(iterable) if self._sequence is None else None
        self._mode = "plain" if self._sequence is None else ""
        self._index = self._start = 0
        self._loop: Carried | None = None
        self._resume: Snapshot | None = None
        self._trial = self._peeled = self.restore = False
        self._item: Any = None

    def next(self, scope: dict[str, Any], stop: Any = False) -> bool:
        self.restore = False
        if self._resume is not None:
            return self._resumed()
        if self._loop is not None:
            return self._close(scope, stop)
        if not is_symbolic(stop) and stop:
            return False
        if not self._mode:
            self._mode = self._decide(scope)
        if self._mode == "loop":
            return self._open(Snapshot(self._names, scope), stop)
        return self._advance()

    def item(self) -> Any:
        if self._loop is None:
            return self._item
        assert self._sequence is not None
        self._item = self._sequence.item(self._loop.extra_params["index"])
        return self._item

    def values(self) -> tuple[Any, ...]:
        return self._values

    def live(self, stop: Any) -> Any:
        """The condition under which an unrolled iteration runs; a graph loop tests it itself."""
        if self._loop is not None or not is_symbolic(stop):
            return True
        return _core.logical_not(truth(stop))

    def recover(self, error: BaseException) -> bool:
        """Called when the body raised: True when the loop goes on, unrolled, with `values` as they were before it."""
        if self._loop is None or not self._trial:
            return False
        self._abandon(str(error).split("\n")[0])
        assert self._resume is not None
        self._values = self._resume.values()
        return True

    def _decide(self, scope: dict[str, Any]) -> str:
        assert self._sequence is not None
        length = self._sequence.length
        if is_symbolic(length):
            return "loop"
        # A size that differs from call to call is a loop on trial, too: unrolling it compiles for this size only.
        why = self._why_unrolled(scope)
        if why is None:
            self._trial = True
            return "loop"
        if is_dim(length) or length > 1:
            self._note(f"unrolled {length} times: {why}")
        return "plain"

    def _why_unrolled(self, scope: dict[str, Any]) -> str | None:
        assert self._sequence is not None
        if not _core.recording():
            return "nothing is recorded"
        if not is_dim(self._sequence.length) and self._sequence.length < MIN_TRIPS:
            return f"fewer than {MIN_TRIPS} iterations"
        if not self._sequence.indexable:
            return "it runs over a list"
        if self._not_simple:
            return self._not_simple
        for entry in Snapshot(self._updated, scope).entries:
            if entry.name in self._lists and type(entry.value) is list and self._stoppable:
                return f"it appends to '{entry.name}' and may be left early"
        return None

    def _note(self, text: str) -> None:
        capture = context.current()
        if capture is not None:
            capture.note(*context.place_of(self._line), f"'for' {text}")

    def _advance(self) -> bool:
        if self._iterator is not None:
            try:
                self._item = next(self._iterator)
            except StopIteration:
                return False
            return True
        assert self._sequence is not None
        if self._index >= self._sequence.length:
            return False
        self._item = self._sequence.item(self._index)
        self._index += 1
        if self._mode == "peel":
            self._mode = "loop"
        return True

    def _open(self, before: Snapshot, stop: Any) -> bool:
        assert self._sequence is not None
        index = lift(self._index)
        stacks = None
        if self._lists and self._trial:
            # The list has as many items as there are iterations, so their number is fixed for this compilation.
            stacks = Stacks(self._lists, before, self._index, int(self._sequence.length))
        self._loop = loop = Carried(before, self._updated, f"'for' at line {self._line}", stacks)
        length = self._sequence.length
        loop.runs = not (self._stoppable or is_symbolic(length) or is_dim(length)) and length > self._index
        loop.runs = self._trial and not is_dim(self._sequence.length) and not self._stoppable
        if self._target is not None and not (self._stoppable and self._target in self._live):
            loop.masked[self._target] = f"it is the variable of the 'for' at line {self._line}, which may not run"
        if self._stoppable:
            loop.extras = {"index": index, "condition": self._sequence.has(index) & _core.logical_not(truth(stop))}
        else:
            loop.extras = {"index": index}
        self._start_trial(1)
        return self._enter()

    def _enter(self) -> bool:
        assert self._loop is not None and self._sequence is not None
        condition: Callable[[dict[str, Any]], Any] = operator.itemgetter("condition")
        if not self._stoppable:
            has = self._sequence.has
            condition = lambda extras: has(extras["index"])  # noqa: E731
        self._loop.open(condition)
        self._values = self._loop.params
        self.restore = True
        return True

    def _start_trial(self, step: int) -> None:
        capture = context.current()
        if self._trial and capture is not None:
            capture.trials += step

    def _close(self, scope: dict[str, Any], stop: Any) -> bool:
        assert self._loop is not None and self._sequence is not None
        loop, length = self._loop, self._sequence.length
        index = loop.extra_params["index"] + 1
        loop.next_extras = {"index": index}
        if self._stoppable:
            loop.next_extras["condition"] = self._sequence.has(index) & _core.logical_not(truth(stop))
        after = Snapshot(self._names, scope)
        # With a tensor that ends the loop, its numbers are tensors afterwards either way.
        why = loop.python_numbers(after) if self._trial and not is_symbolic(stop) else None
        if self._trial:
            change = regions.change_in(loop.region)
            if change is not None or self._rebound(after):
                self._abandon(f"the body {f'changes {change}' if change else f'sets its variable {self._target!r}'}")
                return self._resumed()
        problems = [] if why is not None else loop.close(after, self._live if self._trial else (), self._item)
        kinds = {problem.kind for problem in problems}
        if (self._trial and not kinds <= {"stack", "in_place", "open", "nodes", "gradient"}) or why is not None:
            if self._peeled or kinds & {"unroll"}:
                self._abandon(why or problems[0].reason)
            else:
                self._peeled = True
                self._leave(loop)
                self._resume, self._mode = loop.before, "peel"
            return self._resumed()
        if problems:
            loop.abort()
            loop.adjust(problems)
            return self._enter()
        self._start_trial(-1)
        self._values = self._final(loop, after)
        known = not is_symbolic(length) and not is_dim(length)
        self._note(f"kept as a loop ({f'{length} iterations' if known else 'length known at run time'})")
        self._loop, self._mode, self._iterator, self._sequence = None, "plain", iter(()), None
        self.restore = True
        return False

    def _rebound(self, after: Snapshot) -> bool:
        """True when the loop's variable has another value than the last item afterwards, and someone reads it."""
        if self._target is None or self._target not in self._live or self._stoppable:
            return False
        return after.entries[self._names.index(self._target)].value is not self._item

    def _final(self, loop: Carried, after: Snapshot) -> tuple[Any, ...]:
        """The variables after the loop; what is the item in an iteration then is the last one, as in Python."""
        values = list(loop.results)
        assert self._sequence is not None
        if is_symbolic(self._sequence.length) or self._stoppable:
            return tuple(values)
        for place, entry in enumerate(after.entries):
            if entry.value is self._item:
                values[place] = self._sequence.item(self._sequence.length - 1)
        return tuple(values)

    def _leave(self, loop: Carried) -> None:
        loop.abort()
        self._start_trial(-1)
        self._loop = None

    def _abandon(self, why: str) -> None:
        assert self._loop is not None and self._sequence is not None
        loop = self._loop
        self._leave(loop)
        self._resume, self._mode = loop.before, "plain"
        self._note(f"unrolled {self._sequence.length} times: {why}")

    def _resumed(self) -> bool:
        """Go on with plain iterations from the state before the graph loop was tried."""
        assert self._resume is not None
        self._values, self._resume = self._resume.values(), None
        self.restore = True
        return self._advance()
