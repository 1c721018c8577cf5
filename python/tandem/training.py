"""A ready-made training loop: `td.fit`, its callbacks, and checkpoints that a run goes on from bit for bit."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import random as python_random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tandem import _checkpoints, _core, pytree, random
from tandem._boundary import public
from tandem._progress import Progress
from tandem.amp import GradScaler, autocast
from tandem.autograd import no_grad
from tandem.jit import outside_of_capture, script
from tandem.optim import LBFGS, Optimizer
from tandem.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

__all__ = ["Callback", "EarlyStopping", "Run", "accuracy", "fit"]

Tensor = _core.Tensor
Metric = Callable[[Tensor, Tensor], Tensor]
Forward = Callable[[Any, Any], "tuple[Any, Any]"]


@dataclasses.dataclass
class Run:
    """Where a run of `fit` is; what callbacks get."""

    model: Any
    optimizer: Optimizer
    scheduler: LRScheduler | None
    epochs: int
    scaler: GradScaler | None = None
    epoch: int = 0  # how many are complete
    batch: int = 0  # how many of the present epoch are
    history: dict[str, list[float]] = dataclasses.field(default_factory=dict)  # a number for each complete epoch
    logs: dict[str, float] = dataclasses.field(default_factory=dict)  # means of the present epoch so far
    stop: bool = False  # set it to end the run after this epoch
    _sums: dict[str, float] = dataclasses.field(default_factory=dict)
    _samples: int = 0
    _seconds: float = 0.0
    _rate: float = 0.0  # of learning, when the epoch began

    def _count(self, values: dict[str, float], samples: int) -> None:
        self.batch += 1
        self._samples += samples
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value * samples
        self.logs = {name: total / self._samples for name, total in self._sums.items()}

    def _next_epoch(self) -> None:
        for name, value in self.logs.items():
            self.history.setdefault(name, []).append(value)
        self.epoch, self.batch, self._samples, self._seconds, self._sums = self.epoch + 1, 0, 0, 0.0, {}


class Callback:
    """Base class: what is called in the course of a run. A plain function is called after each epoch.

    One with `state_dict` and `load_state_dict` is part of checkpoints.
    """

    def begin(self, run: Run) -> None:
        """Before the first batch, also of a run that goes on."""

    def after_batch(self, run: Run) -> None:
        """After each training step."""

    def after_epoch(self, run: Run) -> None:
        """After each epoch, with its validation, and before its checkpoint."""

    def end(self, run: Run) -> None:
        """After the last epoch."""


class EarlyStopping(Callback):
    """End the run when `monitor` has not got better, by more than min_delta, for more than `patience` epochs.

    >>> stopping = td.training.EarlyStopping("validation_loss", patience=3)
    """

    def __init__(
        self, monitor: str = "validation_loss", patience: int = 0, mode: str = "min", min_delta: float = 0.0
    ) -> None:
        if mode not in ("min", "max"):
            raise _core.ArgumentError(f"EarlyStopping: got mode={mode!r}; need 'min' or 'max'")
        self.monitor, self.patience, self.mode, self.min_delta = monitor, patience, mode, min_delta
        self.best, self.waited = math.inf, 0

    def after_epoch(self, run: Run) -> None:
        if self.monitor not in run.logs:
            raise _core.ArgumentError(f"EarlyStopping: got monitor={self.monitor!r}; need one of {', '.join(run.logs)}")
        value = run.logs[self.monitor] if self.mode == "min" else -run.logs[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.waited = value, 0
        else:
            self.waited += 1
            run.stop = run.stop or self.waited > self.patience

    def state_dict(self) -> dict[str, Any]:
        """Return the best value so far, and for how many epochs it has been that."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.best, self.waited = state_dict["best"], state_dict["waited"]


def accuracy(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the part of the rows of scores whose largest stands at the index in target.

    >>> td.training.accuracy(td.asarray([[0.1, 0.9], [0.8, 0.2]]), td.asarray([1, 1]))
    tensor(0.5, dtype=float32)
    """
    return (_core.argmax(prediction, axis=-1) == target).astype(_core.float32).mean()


@public
def fit(
    model: Any,
    data: Iterable[Any],
    *,
    loss: Callable[[Any, Any], Tensor],
    optimizer: Optimizer,
    epochs: int,
    validation: Iterable[Any] | None = None,
    scheduler: LRScheduler | None = None,
    scheduler_step: str = "epoch",
    metrics: Mapping[str, Metric] | Sequence[str] = (),
    clip_grad_norm: float | None = None,
    clip_grad_value: float | None = None,
    autocast: Any = None,
    scaler: GradScaler | None = None,
    forward: Forward | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = True,
    callbacks: Sequence[Any] = (),
    compile: bool = False,
    progress: bool | str = True,
) -> dict[str, list[float]]:
    """Train a model, and return its history: for every epoch the mean loss and metrics, learning rate and seconds.

    data, validation: iterables of batches, such as `td.data.DataLoader`; a batch is (inputs ..., target), and is moved
        to the device of the parameters.
    loss: called as loss(model(inputs ...), target); `forward(model, batch)` may return that pair for other batches.
    scheduler_step: "epoch", or "batch" for schedulers that go on with every batch.
    metrics: functions like loss by name, or the names of known ones: "accuracy".
    clip_grad_norm, clip_grad_value: the most that the norm of all gradients may be, and each of their elements.
    autocast: td.bfloat16 or td.float16, in which products of the model and the loss are computed (`td.autocast`).
    scaler: a `td.amp.GradScaler`, which checkpoints hold, too; for td.float16 one is made where none is given.
    checkpoint: a file to keep the run in, written after every epoch, and every `checkpoint_every` batches. With
        resume=True a run that finds it goes on from there, with the same bits as if it had not been interrupted; the
        one before the last is kept as `<checkpoint>.previous`.
    callbacks: `td.training.Callback`s, or functions to call with the `td.training.Run` after every epoch.
    compile: run training steps and validation as compiled functions.
    progress: True: a bar if tqdm is installed, lines of text if not; "text": lines of text; False: nothing.

    >>> x = td.random.Generator(0).normal((64, 2))
    >>> model = td.nn.Linear(2, 1)
    >>> data = td.data.DataLoader(td.data.TensorDataset(x, x.sum(axis=1, keepdims=True)), batch_size=16)
    >>> optimizer = td.optim.SGD(model.parameters(), lr=0.1)
    >>> history = td.fit(
    ...     model, data, loss=td.nn.functional.mse_loss, optimizer=optimizer, epochs=20, progress=False
    ... )
    >>> history["loss"][-1] < 0.01
    True
    """
    outside_of_capture("fit")
    _check(optimizer, epochs, scheduler, scheduler_step, checkpoint, checkpoint_every, progress)
    _check_precision(autocast, scaler)
    if scaler is None and autocast == _core.float16:
        scaler = GradScaler()
    run = Run(model, optimizer, scheduler, epochs, scaler)
    listeners = [each if isinstance(each, Callback) else _AfterEpoch(each) for each in callbacks]
    limits = _Limits(clip_grad_norm, clip_grad_value)
    steps = _Steps(model, loss, optimizer, _metrics(metrics), limits, autocast, scaler, forward or _pair, compile)
    file = None if checkpoint is None else os.fspath(checkpoint)
    saved = _checkpoints.load(file) if file is not None and resume else None
    if saved is not None:
        _restore(run, listeners, saved)
    show = Progress(run, data, progress)
    for each in listeners:
        each.begin(run)
    while run.epoch < epochs and not run.stop:
        if not run.batch:
            run._rate = float(optimizer.param_groups[0]["lr"])
        random_state = _random_state() if saved is None else saved["epoch_random"]
        batches = _start_epoch(run, data, saved)
        saved = None
        _set_mode(model, True)
        clock = time.perf_counter() - run._seconds
        for batch in show.over(batches):
            values = steps.train(batch)
            if any(map(math.isnan, values.values())):
                raise _nan(run, values)
            run._count(values, _size(batch))
            run._seconds = time.perf_counter() - clock
            if scheduler is not None and scheduler_step == "batch":
                scheduler.step()
            for each in listeners:
                each.after_batch(run)
            if file is not None and checkpoint_every and run.batch % checkpoint_every == 0:
                _checkpoints.save(_state(run, listeners, data, random_state), file)
        if not run.batch:
            raise _core.ArgumentError("fit: got no batches; need data that can be iterated over once for every epoch")
        if validation is not None:
            run.logs |= _validate(steps, validation)
        if scheduler is not None and scheduler_step == "epoch":
            _step_scheduler(scheduler, run.logs)
        run.logs |= {"lr": run._rate, "seconds": time.perf_counter() - clock}
        for each in listeners:
            each.after_epoch(run)
        run._next_epoch()
        show.epoch()
        if file is not None:
            _checkpoints.save(_state(run, listeners, data, None), file)
    for each in listeners:
        each.end(run)
    return run.history


@dataclasses.dataclass
class _Limits:
    """Of gradients: their norm, and their elements."""

    norm: float | None
    value: float | None

    def apply(self, parameters: list[Tensor]) -> None:
        from tandem.nn.utils import clip_grad_norm_, clip_grad_value_

        if self.value is not None:
            clip_grad_value_(parameters, self.value)
        if self.norm is not None:
            clip_grad_norm_(parameters, self.norm)


class _Steps:
    """The computation of a run: one function for training steps, one for validation, compiled or not."""

    def __init__(
        self,
        model: Any,
        loss: Any,
        optimizer: Optimizer,
        metrics: dict[str, Metric],
        limits: _Limits,
        dtype: Any,
        scaler: GradScaler | None,
        forward: Forward,
        compiled: bool,
    ) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        precision = autocast(dtype or _core.bfloat16, enabled=dtype is not None)
        scaling = scaler or GradScaler(enabled=False)  # which does nothing

        def train(batch: Any) -> list[Tensor]:
            optimizer.zero_grad()
            with precision:
                prediction, target = forward(model, batch)
                value = loss(prediction, target)
            scaling.scale(value).backward()
            scaling.unscale_(optimizer)
            limits.apply(parameters)
            scaling.step(optimizer)
            scaling.update()
            with no_grad():
                return [value.detach(), *[metric(prediction, target) for metric in metrics.values()]]

        def evaluate(batch: Any) -> list[Tensor]:
            with no_grad():
                with precision:
                    prediction, target = forward(model, batch)
                    value = loss(prediction, target)
                return [value, *[metric(prediction, target) for metric in metrics.values()]]

        self.model = model
        self._place = parameters[0].device
        self._names = ["loss", *metrics]
        self._train: Callable[[Any], list[Tensor]] = script(train) if compiled else train
        self._evaluate: Callable[[Any], list[Tensor]] = script(evaluate) if compiled else evaluate

    def train(self, batch: Any) -> dict[str, float]:
        return {name: float(x) for name, x in zip(self._names, self._train(self._moved(batch)), strict=True)}

    def evaluate(self, batch: Any) -> dict[str, float]:
        return {name: float(x) for name, x in zip(self._names, self._evaluate(self._moved(batch)), strict=True)}

    def _moved(self, batch: Any) -> Any:
        """A batch on the device of the parameters."""
        return pytree.map(lambda x: x.to(self._place) if isinstance(x, Tensor) else x, batch)


class _AfterEpoch(Callback):
    def __init__(self, function: Callable[[Run], Any]) -> None:
        self.after_epoch = function  # type: ignore[method-assign, assignment]


def _pair(model: Any, batch: Any) -> tuple[Any, Any]:
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise _core.ArgumentTypeError(
            f"fit: got a batch that is a {type(batch).__name__}; need (inputs ..., target); try forward=..., a "
            "function of the model and a batch that returns prediction and target"
        )
    return model(*batch[:-1]), batch[-1]


def _size(batch: Any) -> int:
    """The number of samples in a batch: the weight of its means."""
    return next((x.shape[0] for x in pytree.leaves(batch) if isinstance(x, Tensor) and x.ndim), 1)


def _metrics(metrics: Any) -> dict[str, Metric]:
    if isinstance(metrics, Mapping):
        return dict(metrics)
    known = {"accuracy": accuracy}
    for name in metrics:
        if name not in known:
            raise _core.ArgumentError(
                f"fit: got the metric {name!r}; need one of {', '.join(known)}, or a dict of functions by name"
            )
    return {name: known[name] for name in metrics}


def _set_mode(model: Any, training: bool) -> None:
    if hasattr(model, "train") and hasattr(model, "eval"):
        model.train() if training else model.eval()


def _validate(steps: _Steps, validation: Iterable[Any]) -> dict[str, float]:
    _set_mode(steps.model, False)
    sums: dict[str, float] = {}
    count = 0
    for batch in validation:
        samples = _size(batch)
        count += samples
        for name, value in steps.evaluate(batch).items():
            sums[name] = sums.get(name, 0.0) + value * samples
    _set_mode(steps.model, True)
    return {f"validation_{name}": total / count for name, total in sums.items()}


def _step_scheduler(scheduler: LRScheduler, logs: dict[str, float]) -> None:
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(logs.get("validation_loss", logs["loss"]))
    else:
        scheduler.step()


def _nan(run: Run, values: dict[str, float]) -> Exception:
    bad = ", ".join(name for name, value in values.items() if math.isnan(value))
    return _core.NonFiniteError(
        f"fit: got NaN as {bad} in batch {run.batch + 1} of epoch {run.epoch + 1}; need numbers; try `with "
        "td.debug_nans():` around fit, which names the operation, a lower learning rate, or clip_grad_norm"
    )


# Checkpoints


def _random_state() -> dict[str, Any]:
    state: Any = np.random.get_state()
    name, words, *rest = state
    return {
        "tandem": random.get_state().tolist(),
        "python": python_random.getstate(),
        "numpy": (name, words.tolist(), *rest),
    }


def _set_random_state(state: dict[str, Any]) -> None:
    random.set_state(_core.asarray(state["tandem"], dtype=_core.uint64))
    python_random.setstate(state["python"])
    np.random.set_state(state["numpy"])


def _parts(run: Run) -> dict[str, Any]:
    return {"model": run.model, "optimizer": run.optimizer, "scheduler": run.scheduler, "scaler": run.scaler}


def _state(run: Run, listeners: list[Callback], data: Any, epoch_random: dict[str, Any] | None) -> dict[str, Any]:
    """All that a run goes on from; `epoch_random` is what random numbers the present epoch began with, if it has."""
    now = _random_state()
    parts = {**_parts(run), "data": data}
    return {
        **{name: part.state_dict() for name, part in parts.items() if hasattr(part, "state_dict")},
        "callbacks": [each.state_dict() if hasattr(each, "state_dict") else None for each in listeners],
        "random": now,
        "epoch_random": epoch_random or now,
        "run": {
            "epoch": run.epoch,
            "batch": run.batch,
            "history": run.history,
            "stop": run.stop,
            "sums": run._sums,
            "samples": run._samples,
            "seconds": run._seconds,
            "rate": run._rate,
        },
    }


def _restore(run: Run, listeners: list[Callback], saved: dict[str, Any]) -> None:
    parts = _parts(run)
    for name, part in parts.items():
        if hasattr(part, "state_dict") != (name in saved):
            raise _core.SerializationError(
                f"fit: got a checkpoint {'with' if name in saved else 'without'} the state of a {name}; need that of "
                "such a run; try another path, or resume=False"
            )
    for name, part in parts.items():
        if name in saved:
            part.load_state_dict(saved[name])
    for each, state in zip(listeners, saved["callbacks"], strict=False):
        if state is not None and hasattr(each, "load_state_dict"):
            each.load_state_dict(state)
    kept = saved["run"]
    run.epoch, run.batch, run.history, run.stop = kept["epoch"], kept["batch"], kept["history"], kept["stop"]
    run._sums, run._samples = kept["sums"], kept["samples"]
    run._seconds, run._rate = kept["seconds"], kept["rate"]


def _start_epoch(run: Run, data: Any, saved: dict[str, Any] | None) -> Iterator[Any]:
    """Return the batches of an epoch; of one that goes on, those that are left."""
    if saved is None:
        return iter(data)
    _set_random_state(saved["epoch_random"])
    if "data" in saved and hasattr(data, "load_state_dict"):
        data.load_state_dict(saved["data"])
        batches = iter(data)
    else:
        batches = iter(data)
        next(itertools.islice(batches, run.batch, run.batch), None)  # those that were seen
    if run.batch:
        _set_random_state(saved["random"])
    return batches


def _check_precision(dtype: Any, scaler: Any) -> None:
    if dtype not in (None, _core.float16, _core.bfloat16):
        raise _core.DTypeError(f"fit: got autocast={dtype!r}; need td.float16, td.bfloat16 or None")
    if scaler is not None and not isinstance(scaler, GradScaler):
        raise _core.ArgumentTypeError(f"fit: got a {type(scaler).__name__} as scaler; need a td.amp.GradScaler")


def _check(
    optimizer: Any, epochs: Any, scheduler: Any, scheduler_step: str, checkpoint: Any, every: Any, progress: Any
) -> None:
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, LBFGS):
        raise _core.ArgumentTypeError(
            f"fit: got a {type(optimizer).__name__} as optimizer; need one of td.optim that makes one step per batch"
        )
    if not isinstance(epochs, int) or epochs < 0:
        raise _core.ArgumentError(f"fit: got epochs={epochs!r}; need a number from 0 on")
    if scheduler is not None and getattr(scheduler, "optimizer", None) is not optimizer:
        raise _core.ArgumentError("fit: got a scheduler of another optimizer; need one of the same")
    if scheduler_step not in ("epoch", "batch"):
        raise _core.ArgumentError(f"fit: got scheduler_step={scheduler_step!r}; need 'epoch' or 'batch'")
    if scheduler_step == "batch" and isinstance(scheduler, ReduceLROnPlateau):
        raise _core.ArgumentError("fit: got scheduler_step='batch' for ReduceLROnPlateau; need 'epoch'")
    if every is not None and (checkpoint is None or every < 1):
        raise _core.ArgumentError(
            f"fit: got checkpoint_every={every!r} and checkpoint={checkpoint!r}; need a number from 1 on, and a path"
        )
    if progress not in (True, False, "text"):
        raise _core.ArgumentError(f"fit: got progress={progress!r}; need True, False or 'text'")
