"""The ready-made training loop, and its checkpoints: what survives a kill, what a damaged file says."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import training_programs as programs

import tandem as td

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}


def test_fit_learns_and_tells():
    model, loader, optimizer, (x, y) = programs.problem()
    seen = []
    history = td.fit(
        model,
        loader,
        loss=td.nn.functional.cross_entropy,
        optimizer=optimizer,
        epochs=15,
        validation=[(x, y)],
        scheduler=td.optim.lr_scheduler.StepLR(optimizer, 5, 0.5),
        metrics={"right": td.training.accuracy},
        callbacks=[lambda run: seen.append((run.epoch, run.logs["loss"]))],
        progress=False,
    )
    assert [*history] == ["loss", "right", "validation_loss", "validation_right", "lr", "seconds"]
    assert history["validation_right"][-1] > 0.9 and history["loss"][-1] < history["loss"][0] / 2
    assert history["lr"] == [0.02] * 5 + [0.01] * 5 + [0.005] * 5
    assert seen == [*enumerate(history["loss"])]
    assert model.training


def test_compiled_steps_have_the_same_bits(tmp_path):
    """Forward, backward, clipping and update in one program; also where the run was interrupted."""
    plain = programs.run(str(tmp_path / "plain"))
    assert programs.run(str(tmp_path / "compiled"), compile=True) == plain

    class Stop(Exception):
        pass

    class Interrupt(td.training.Callback):
        def after_batch(self, run):
            if run.epoch == 1 and run.batch == 5:
                raise Stop

    with pytest.raises(Stop):
        programs.run(str(tmp_path / "third"), compile=True, callbacks=[Interrupt()])
    assert programs.run(str(tmp_path / "third"), compile=True) == plain


def test_means_are_over_samples():
    model = td.nn.Linear(1, 1)
    optimizer = td.optim.SGD(model.parameters(), lr=0.0)
    data = [(td.ones((3, 1)), td.zeros((3, 1))), (td.ones((1, 1)) * 5, td.zeros((1, 1)))]
    history = td.fit(model, data, loss=td.nn.functional.l1_loss, optimizer=optimizer, epochs=1, progress=False)
    every = td.concat([model(x).detach() for x, _ in data])
    np.testing.assert_allclose(history["loss"], [float(abs(every).mean())], rtol=1e-6)


def test_other_batches():
    model = td.nn.Linear(2, 1)
    optimizer = td.optim.SGD(model.parameters(), lr=0.1)
    options = dict(loss=td.nn.functional.mse_loss, optimizer=optimizer, epochs=1, progress=False)
    batch = {"x": td.ones((3, 2)), "y": td.zeros((3, 1))}
    with pytest.raises(TypeError, match="fit: got a batch that is a dict; need .inputs ..., target.; try forward"):
        td.fit(model, [batch], **options)
    history = td.fit(model, [batch], forward=lambda model, batch: (model(batch["x"]), batch["y"]), **options)
    assert len(history["loss"]) == 1


# Going on


@pytest.mark.parametrize(
    "dataset, workers, own, end",
    [
        ("tensors", 0, False, 13),
        ("tensors", 0, True, 8),
        ("noisy", 0, False, 21),
        ("noisy", 2, False, 11),
        ("tensors", 0, False, 1),
    ],
)
def test_a_killed_run_goes_on_bit_for_bit(tmp_path, dataset, workers, own, end):
    path = str(tmp_path / "run")
    arguments = [path, str(end), dataset, str(workers), "own" if own else "shared"]
    ended = subprocess.run([sys.executable, str(HERE / "training_programs.py"), *arguments], env=ENVIRONMENT)
    assert ended.returncode == -signal.SIGKILL
    straight = programs.run(str(tmp_path / "other"), dataset=dataset, workers=workers, own=own)
    assert programs.run(path, dataset=dataset, workers=workers, own=own) == straight
    again = programs.run(path, dataset=dataset, workers=workers, own=own)  # nothing is left to do
    assert again[:2] == straight[:2]


def test_killed_at_any_moment(tmp_path):
    """Again and again, at moments that nothing chooses: also in the middle of writing."""
    path = str(tmp_path / "run")
    straight = programs.run(str(tmp_path / "other"), epochs=4)
    kills = 0
    for attempt in range(12):
        with subprocess.Popen(
            [sys.executable, str(HERE / "training_programs.py"), path, "-1", "tensors", "0", "shared"], env=ENVIRONMENT
        ) as process:
            start = time.monotonic()
            while not os.path.exists(path) and process.poll() is None and time.monotonic() - start < 30:
                time.sleep(0.005)
            time.sleep(0.003 * (attempt % 5 + 1))
            process.kill()
            process.wait()
            kills += process.returncode == -signal.SIGKILL
    assert kills > 0
    assert programs.run(path, epochs=4) == straight
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["other", "other.previous", "run", "run.previous"]


@pytest.mark.parametrize("dtype", [td.float16, td.bfloat16])
def test_mixed_precision_goes_on_bit_for_bit(tmp_path, dtype):
    """The scale of the loss changes on the way, and is a part of checkpoints."""

    class Stop(Exception):
        pass

    class Interrupt(td.training.Callback):
        def after_batch(self, run):
            if run.epoch == 2 and run.batch == 3:
                raise Stop

    def options():
        scaler = td.amp.GradScaler(init_scale=2.0**24, growth_interval=4) if dtype == td.float16 else None
        return dict(autocast=dtype, scaler=scaler, clip_grad_value=0.5)

    first = options()
    straight = programs.run(str(tmp_path / "straight"), **first)
    assert straight[0] != programs.run(str(tmp_path / "single"))[0]  # it is in another precision
    if dtype == td.float16:
        assert first["scaler"].get_scale() not in (2.0**24, 65536.0)
    for compiled in (False, True):
        path = str(tmp_path / f"run{compiled}")
        with pytest.raises(Stop):
            programs.run(path, callbacks=[Interrupt()], compile=compiled, **options())
        last = options()
        assert programs.run(path, compile=compiled, **last) == straight
        if dtype == td.float16:
            assert last["scaler"].state_dict() == first["scaler"].state_dict()
            with pytest.raises(td.SerializationError, match="with the state of a scaler"):
                programs.run(path)


def test_float16_is_scaled_and_limits_hold():
    td.manual_seed(0)
    model = td.nn.Linear(4, 1)
    seen = []

    class Look(td.training.Callback):
        def after_batch(self, run):
            seen.append((run.scaler.get_scale(), float(td.abs(model.weight.grad).max())))

    x = td.random.normal((32, 4)) / 16
    optimizer = td.optim.SGD(model.parameters(), lr=1e-3)
    td.fit(
        model,
        [(x, x.sum(axis=1, keepdims=True))] * 3,
        loss=td.nn.functional.mse_loss,
        optimizer=optimizer,
        epochs=1,
        autocast=td.float16,
        clip_grad_value=0.01,
        callbacks=[Look()],
        progress=False,
    )
    assert [scale for scale, _ in seen] == [65536.0] * 3  # what is made where none is given
    assert all(0 < largest <= 0.01 for _, largest in seen) and seen[0][1] == np.float32(0.01)
    for wrong, match in ((dict(autocast=td.float32), "need td.float16"), (dict(scaler=3), "GradScaler")):
        with pytest.raises((td.Error, TypeError), match=match):
            td.fit(model, [], loss=None, optimizer=optimizer, epochs=1, **wrong)


def test_epochs_may_be_added(tmp_path):
    def fit(path, epochs):
        model, loader, optimizer, _ = programs.problem()
        history = td.fit(
            model,
            loader,
            loss=td.nn.functional.cross_entropy,
            optimizer=optimizer,
            epochs=epochs,
            checkpoint=path,
            callbacks=[td.training.EarlyStopping("loss", patience=99)],
            progress=False,
        )
        return history["loss"], [p.tolist() for p in model.parameters()]

    straight = fit(tmp_path / "a", 5)
    assert len(fit(tmp_path / "b", 2)[0]) == 2
    assert fit(tmp_path / "b", 5) == straight


def test_data_without_state_goes_on(tmp_path):
    """A list of batches has no position of its own: those that were seen are passed over."""
    x = td.random.Generator(0).normal((6, 4, 2))
    data = [(part, part.sum(axis=1, keepdims=True)) for part in x]

    class Stop(Exception):
        pass

    class Interrupt(td.training.Callback):
        def after_batch(self, run):
            if run.epoch == 1 and run.batch == 4:
                raise Stop

    def fit(path, callbacks=()):
        td.manual_seed(0)
        model = td.nn.Linear(2, 1)
        optimizer = td.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        options = dict(loss=td.nn.functional.mse_loss, optimizer=optimizer, epochs=3, progress=False)
        td.fit(model, data, checkpoint=path, checkpoint_every=3, callbacks=callbacks, **options)
        return [p.tolist() for p in model.parameters()]

    straight = fit(tmp_path / "a")
    with pytest.raises(Stop):
        fit(tmp_path / "b", [Interrupt()])
    assert fit(tmp_path / "b") == straight


# Damaged files


def small_run(path, **options):
    model = td.nn.Linear(2, 1)
    optimizer = td.optim.Adam(model.parameters())
    data = [(td.ones((2, 2)), td.zeros((2, 1)))]
    return td.fit(
        model,
        data,
        loss=td.nn.functional.mse_loss,
        optimizer=optimizer,
        epochs=3,
        checkpoint=path,
        progress=False,
        **options,
    )


def test_damaged_checkpoints(tmp_path):
    path = tmp_path / "run"
    small_run(path)
    good, before = path.read_bytes(), Path(f"{path}.previous").read_bytes()
    rng = np.random.default_rng(0)
    places = [*rng.integers(0, len(good), 25).tolist(), len(good) - 1]
    damaged = [good[:n] for n in (0, 5, 100, len(good) // 2, len(good) - 1)]
    damaged += [good[:n] + bytes([good[n] ^ (1 << int(rng.integers(8)))]) + good[n + 1 :] for n in places]
    for data in damaged:
        path.write_bytes(data)
        Path(f"{path}.previous").write_bytes(before)
        with pytest.warns(RuntimeWarning, match=r"load: got .*; the run goes on from '.*run\.previous'"):
            assert len(small_run(path)["loss"]) == 3
    for data in damaged[:8]:
        path.write_bytes(data)
        Path(f"{path}.previous").write_bytes(data)
        with pytest.raises(td.SerializationError, match=r"no earlier checkpoint '.*run\.previous' that is whole"):
            small_run(path)
        assert path.read_bytes() == data  # nothing was lost
    assert len(small_run(path, resume=False)["loss"]) == 3


def test_files_that_are_no_checkpoints(tmp_path):
    path = tmp_path / "run"
    td.save({"x": td.ones((2,))}, path)
    with pytest.raises(td.SerializationError, match="do not agree with their checksum|no earlier checkpoint"):
        small_run(path)


def test_checkpoints_of_other_runs(tmp_path):
    path = tmp_path / "run"
    small_run(path)
    model = td.nn.Linear(3, 1)
    options = dict(loss=td.nn.functional.mse_loss, epochs=3, checkpoint=path, progress=False)
    data = [(td.ones((2, 3)), td.zeros((2, 1)))]
    with pytest.raises(td.Error, match="weight"):
        td.fit(model, data, optimizer=td.optim.Adam(model.parameters()), **options)
    optimizer = td.optim.Adam(model.parameters())
    scheduler = td.optim.lr_scheduler.StepLR(optimizer, 1)
    with pytest.raises(td.SerializationError, match="got a checkpoint without the state of a scheduler"):
        td.fit(td.nn.Linear(2, 1), data, optimizer=optimizer, scheduler=scheduler, **options)


# Callbacks and progress


def test_early_stopping():
    model = td.nn.Linear(1, 1)
    optimizer = td.optim.SGD(model.parameters(), lr=0.0)
    data = [(td.ones((2, 1)), td.zeros((2, 1)))]
    options = dict(loss=td.nn.functional.mse_loss, optimizer=optimizer, epochs=9, progress=False)
    history = td.fit(model, data, callbacks=[td.training.EarlyStopping("loss", patience=2)], **options)
    assert len(history["loss"]) == 4
    with pytest.raises(ValueError, match="EarlyStopping: got monitor='validation_loss'; need one of loss, lr"):
        td.fit(model, data, callbacks=[td.training.EarlyStopping()], **options)


def test_callbacks_are_called_in_order():
    calls = []

    class Note(td.training.Callback):
        def begin(self, run):
            calls.append("begin")

        def after_batch(self, run):
            calls.append(f"batch {run.epoch} {run.batch}")

        def after_epoch(self, run):
            calls.append(f"epoch {run.epoch}")
            run.stop = True

        def end(self, run):
            calls.append(f"end {run.epoch}")

    model = td.nn.Linear(1, 1)
    data = [(td.ones((2, 1)), td.zeros((2, 1)))] * 2
    td.fit(
        model,
        data,
        loss=td.nn.functional.mse_loss,
        optimizer=td.optim.SGD(model.parameters()),
        epochs=9,
        callbacks=[Note()],
        progress=False,
    )
    assert calls == ["begin", "batch 0 1", "batch 0 2", "epoch 0", "end 1"]


@pytest.mark.parametrize("kind", [True, "text", False])
def test_progress(kind, capsys):
    if kind is True:
        pytest.importorskip("tqdm")
    model, loader, optimizer, _ = programs.problem()
    td.fit(model, loader, loss=td.nn.functional.cross_entropy, optimizer=optimizer, epochs=2, progress=kind)
    text = capsys.readouterr().err
    lines = re.findall(r"epoch 2/2  loss [\d.]+  lr 0.02  seconds [\d.e-]+", text)
    assert len(lines) == (0 if kind is False else 1)
    assert ("0/8" in text) == (kind is True)


def test_progress_without_tqdm(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    model, loader, optimizer, _ = programs.problem()
    td.fit(model, loader, loss=td.nn.functional.cross_entropy, optimizer=optimizer, epochs=1)
    assert re.fullmatch(r"epoch 1/1  loss [\d.]+  lr 0.02  seconds [\d.e-]+\n", capsys.readouterr().err)


# Bad input


def test_nan_is_an_error_and_loses_nothing(tmp_path):
    path = tmp_path / "run"
    model = td.nn.Linear(1, 1)
    x = td.ones((2, 1))
    data = [(x, x), (x * td.nan, x)]
    optimizer = td.optim.SGD(model.parameters())
    options = dict(loss=td.nn.functional.mse_loss, optimizer=optimizer, epochs=2, checkpoint=path, progress=False)
    with pytest.raises(FloatingPointError, match="fit: got NaN as loss in batch 2 of epoch 1; need numbers; try"):
        td.fit(model, data, checkpoint_every=1, **options)
    model.load_state_dict(td.load(path)["model"])
    assert bool(td.isfinite(model.weight).all())
    with td.debug_nans(), pytest.raises(FloatingPointError, match="got 1 NaN|got 2 NaNs|NaN in"):
        bad = [(x * 0, x)]
        td.fit(model, bad, **{**options, "checkpoint": None, "loss": lambda a, b: (td.log(a * 0 - 1) - b).mean()})


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(optimizer=None), "got a NoneType as optimizer"),
        (dict(epochs=-1), "got epochs=-1"),
        (dict(metrics=["f1"]), "got the metric 'f1'; need one of accuracy, or a dict"),
        (dict(progress="bar"), "got progress='bar'"),
        (dict(checkpoint_every=3), "got checkpoint_every=3 and checkpoint=None"),
        (dict(scheduler_step="day"), "got scheduler_step='day'"),
        (dict(data=[]), "got no batches"),
    ],
)
def test_bad_arguments(change, message):
    model = td.nn.Linear(1, 1)
    options = dict(loss=td.nn.functional.mse_loss, optimizer=td.optim.SGD(model.parameters()), epochs=1, progress=False)
    data = change.pop("data", [(td.ones((2, 1)), td.zeros((2, 1)))])
    with pytest.raises((ValueError, TypeError), match=f"fit: {message}"):
        td.fit(model, data, **{**options, **change})


def test_lbfgs_is_refused():
    model = td.nn.Linear(1, 1)
    with pytest.raises(TypeError, match="got a LBFGS as optimizer; need one of td.optim that makes one step per batch"):
        td.fit(model, [], loss=abs, optimizer=td.optim.LBFGS(model.parameters()), epochs=1)


def test_interrupts_end_the_run_with_its_checkpoint(tmp_path):
    path = tmp_path / "run"

    class Interrupt(td.training.Callback):
        def after_batch(self, run):
            if run.epoch == 1:
                threading.Timer(0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
                time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        small_run(path, callbacks=[Interrupt()])
    assert td.load(path)["run"]["epoch"] == 1
