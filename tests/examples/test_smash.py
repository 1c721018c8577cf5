"""examples/smash in small: architectures, the weights made for them, and how often anything is compiled."""

import json

import numpy as np
import pytest

import tandem as td
from examples.smash import training
from examples.smash.architecture import (
    BANKS,
    BLOCKS,
    CHANNELS,
    EXIT,
    FEATURES,
    FILLED,
    HIDDEN,
    KINDS,
    OPERATIONS,
    READS,
    WRITES,
    encoded,
    mixings,
    sample,
)
from examples.smash.comparison import Comparison, by_chance, spearman
from examples.smash.model import Alone, Smash
from examples.smash.training import Data, Settings, Trainer, accuracy, captures
from tandem._demo import fashion_mnist
from tandem._demo.fashion_mnist import Images


def images(rng, count):
    """Pictures of ten kinds: where a bright spot is."""
    labels = rng.integers(0, 10, count)
    pixels = rng.integers(0, 60, (count, 28, 28), np.uint8)
    for k, label in enumerate(labels):
        row, column = 4 + 12 * (label // 5), 2 + 5 * (label % 5)
        pixels[k, row : row + 6, column : column + 4] += 180
    return Images(td.asarray(pixels), td.asarray(labels))


def small(rng, **changes):
    settings = Settings(**{"steps": 10, "alone_steps": 5, "batch": 16, "architectures": 3, "scored": 40, **changes})
    return Data(images(rng, 200), images(rng, 60), settings), settings


def test_architectures_read_only_what_was_written():
    found = {sample(np.random.default_rng(k)) for k in range(300)}
    assert len(found) > 295
    counts = set()
    for architecture in found:
        assert len(architecture) == BLOCKS
        for operations in architecture:
            counts.add(len(operations))
            filled = set(range(FILLED))
            for each in operations:
                assert set(each.reads) <= filled and 1 <= len(each.reads) <= READS
                assert set(each.writes) <= set(range(BANKS)) and 1 <= len(each.writes) <= WRITES
                assert each.hidden in HIDDEN and 0 <= each.kind < len(KINDS)
                filled |= set(each.writes)
            assert len({each.hidden for each in operations}) == 1
    assert counts == set(range(OPERATIONS[0], OPERATIONS[1] + 1))
    assert sample(np.random.default_rng(5)) == sample(np.random.default_rng(5))


def test_what_no_operation_wrote_is_not_passed_on():
    for k in range(50):
        architecture = sample(np.random.default_rng(k))
        exits = [each for _, _, each in mixings(architecture) if each.kind == EXIT]
        assert len(exits) == BLOCKS
        for operations, leave in zip(architecture, exits, strict=True):
            assert set(leave.reads) == {bank for each in operations for bank in each.writes}
            assert leave.hidden == CHANNELS * len(leave.writes) == CHANNELS * FILLED


def test_encodings_tell_architectures_apart():
    found = {sample(np.random.default_rng(k)) for k in range(200)}
    codes = {encoded(architecture).tobytes() for architecture in found}
    assert len(codes) == len(found)
    architecture = next(iter(found))
    assert encoded(architecture).shape == (FEATURES, BLOCKS + sum(map(len, architecture)))


def test_the_hypernetwork_makes_weights_of_length_one():
    td.manual_seed(0)
    network = Smash()
    for k in range(4):
        architecture = sample(np.random.default_rng(k))
        mixes = network.hyper(architecture)
        for (_, _, each), mix in zip(mixings(architecture), mixes, strict=True):
            assert mix.shape == (each.hidden, CHANNELS * len(each.reads))
            np.testing.assert_allclose((mix * mix).sum(axis=1).detach().numpy(), 1, rtol=1e-3)


def test_the_made_weights_depend_on_the_architecture():
    """Those of an operation too that two architectures share, and of other places if they are made in another order."""
    td.manual_seed(0)
    network = Smash()
    one = sample(np.random.default_rng(1))
    first = one[0][0]
    other = ((first._replace(kind=(first.kind + 1) % len(KINDS)), *one[0][1:]), *one[1:])
    assert [each for _, _, each in mixings(one)][1:] == [each for _, _, each in mixings(other)][1:]
    for a, b in list(zip(network.hyper(one), network.hyper(other), strict=True))[:2]:
        assert float(abs(a - b).max()) > 1e-3
    places = range(len(list(mixings(one))))
    same, turned = network.hyper(one, list(places)), network.hyper(one, list(places)[::-1])
    for a, b, c in zip(network.hyper(one), same, turned, strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
        assert a.shape == c.shape
    assert float(abs(same[0] - turned[0]).max()) > 1e-2


def test_gradients_reach_the_hypernetwork(rng):
    td.manual_seed(0)
    data, settings = small(rng)
    trainer = Trainer(Smash(), settings.steps, settings.rate)
    trainer.step(*data.batch(0, 0), sample(np.random.default_rng(0)))
    for name, p in trainer.model.named_parameters():
        if name.startswith(("hyper.", "shared.stem", "shared.head")):
            assert float(abs(p.grad).max()) > 0, name
    used = [name for name, p in trainer.model.shared.kernels.items() if float(abs(p.grad).max()) > 0]
    architecture = sample(np.random.default_rng(0))
    assert sorted(used) == sorted(f"{b}_{p}_{e.kind}" for b, ops in enumerate(architecture) for p, e in enumerate(ops))


def test_compiled_is_eager(rng):
    td.manual_seed(0)
    network, architecture = Smash(), sample(np.random.default_rng(3))
    pixels = fashion_mnist.normalised(images(rng, 8).images)
    compiled = network(pixels, architecture)
    with td.disabled():
        eager = network(pixels, architecture)
    np.testing.assert_array_equal(compiled.detach().numpy(), eager.detach().numpy())


def test_recompilation_stays_bounded(rng):
    """Each step has another architecture; after a few of them nothing is captured any more."""
    td.manual_seed(0)
    data, settings = small(rng, steps=60)
    trainer = Trainer(Smash(), settings.steps, settings.rate)
    run = trainer.run(data, several=True)
    for _ in range(30):
        next(run)
    before, compiled = captures(), td.stats()["compiled"]
    assert before["operation"] <= 4 * len(KINDS) and max(before.values()) <= 4 * len(KINDS)
    with td.no_recompile():
        for _ in run:
            pass
    assert captures() == before and trainer.optimizer._program.stats()["captures"] == 1
    assert td.stats()["compiled"] - compiled < 20  # kernels of eager gradients for sizes that are new


def test_one_architecture_learns(rng):
    td.manual_seed(0)
    data, settings = small(rng)
    architecture = sample(np.random.default_rng(1))
    trainer = Trainer(Alone(architecture), 120, 1e-2)
    losses = list(trainer.run(data))
    assert losses[-1] < 0.6 * losses[0]
    assert accuracy(trainer.model, *data.test) > 0.5  # by chance: 0.1
    assert len(trainer.model.mixes) == BLOCKS + len(list(trainer.model.shared.kernels))


def test_a_step_of_one_architecture_is_one_program(rng):
    data, settings = small(rng, steps=8)
    losses = []
    for compiled in (False, True):
        td.manual_seed(0)
        trainer = Trainer(Alone(sample(np.random.default_rng(1))), settings.steps, settings.rate)
        if compiled:
            trainer.step = td.script(trainer.step)
        losses.append(list(trainer.run(data)))
    assert losses[0] == losses[1]
    assert trainer.step.stats()["captures"] == 1 and trainer.step.stats()["eager_calls"] == 0


def test_resumed_training_has_the_same_bits(rng, tmp_path):
    data, settings = small(rng, steps=8)
    losses = []
    for stop in (None, 5):
        td.manual_seed(0)
        trainer = Trainer(Smash(), settings.steps, settings.rate)
        found = []
        for loss in trainer.run(data, several=True):
            found.append(loss)
            if trainer.done == stop:
                trainer.save(tmp_path / "checkpoint.safetensors")
                trainer = Trainer(Smash(), settings.steps, settings.rate)
                trainer.load(tmp_path / "checkpoint.safetensors")
                found += trainer.run(data, several=True)
                break
        losses.append(found)
    assert losses[0] == losses[1] and len(losses[0]) == 8


def test_rank_correlation(rng):
    from scipy import stats

    for _ in range(5):
        a, b = rng.integers(0, 6, 20).astype(float), rng.normal(size=20)
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert spearman([1, 2, 3], [10, 20, 30]) == pytest.approx(1)
    assert np.isnan(spearman([1, 1], [2, 3]))


def test_the_chance_of_a_rank_correlation(rng):
    from scipy import stats

    for strength in (0, 0.3, 1):
        a = rng.normal(size=30)
        b = rng.normal(size=30) + strength * a
        assert by_chance(a, b) == pytest.approx(stats.spearmanr(a, b).pvalue, rel=0.15, abs=0.003)
    assert by_chance([1, 2, 3], [10, 20, 30]) == pytest.approx(1 / 3, abs=0.01)  # or the other way round: 2 of 6 orders


def test_spread_and_noise_of_a_comparison(rng):
    found = Comparison()
    for k in range(400):
        alone = (0.5 + 0.03 * rng.normal() + 0.01 * rng.normal(size=2)).tolist()
        found.add(sample(np.random.default_rng(k)), 1000 - k, alone)
        found.score.append(alone[0])
        found.shuffled.append(0.1 + k / 1000)
    assert found.noise == pytest.approx(0.01, rel=0.15)
    assert found.spread == pytest.approx((0.03**2 + 0.01**2 / 2) ** 0.5, rel=0.15)
    assert found.correlation > 0.9
    told = found.report()
    assert f"rank correlation of 400 architectures: {found.correlation:.3f} (by chance: p = 1e-05)" in told
    assert "with those made for another order: 10.0% to 49.9%" in told and f"runs of one {found.noise:.2%}" in told


def test_the_command_line(rng, monkeypatch, tmp_path, capsys):
    pytest.importorskip("tqdm", reason="the progress bar needs tqdm (pip install tqdm)")
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib (pip install matplotlib)")
    from examples.smash.__main__ import main

    given = images(rng, 200), images(rng, 60)
    monkeypatch.setattr(fashion_mnist, "load", lambda: given)
    sizes = ["--alone-steps", "3", "--alone-runs", "2", "--batch", "16", "--architectures", "3", "--scored", "40"]
    main(["--steps", "4", "--folder", str(tmp_path), *sizes])
    told = capsys.readouterr().out
    assert "captures after 4 steps, each with another architecture: {'stem':" in told
    assert "the last was in step " in told and "'compile_seconds'" in told
    assert "rank correlation of 3 architectures: " in told
    found = json.loads((tmp_path / "comparison.json").read_text())
    assert all(len(values) == 3 for values in found.values()) and set(map(len, found["alone"])) == {2}
    assert (tmp_path / "scatter.png").read_bytes().startswith(b"\x89PNG")
    found["alone"][0] = [0.75, 0.25]  # what is known already is not computed again
    known = {name: found[name][:2] for name in ("architectures", "weights", "alone")}
    (tmp_path / "comparison.json").write_text(json.dumps(known))
    main(["--steps", "4", "--resume", "--folder", str(tmp_path), *sizes])
    again = json.loads((tmp_path / "comparison.json").read_text())
    assert again == found
    main(["--steps", "6", "--resume", "--folder", str(tmp_path), *sizes])
    assert "4/6" in capsys.readouterr().err
    assert training.candidates(Settings(architectures=2)) == training.candidates(Settings(architectures=2))
