"""The main job: networks and a photograph, eager and compiled (`python -m tandem.demo`, `./dev demo`)."""

from __future__ import annotations

import argparse
import functools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tandem as td
from tandem._demo import confusion, fashion_mnist, network, photograph, training
from tandem._demo.terminal import DIM, RED, Progress, block, check, duration, fact, heading, paint, table
from tandem._viz.sources import places


def equal_bits(a: Any, b: Any) -> bool:
    x, y = np.asarray(a), np.asarray(b)
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


def show_network(quick: bool) -> tuple[network.Digits, list[bool]]:
    heading("1. A network that scikit-learn trained, on digits it has not seen")
    start = time.perf_counter()
    digits = network.train(quick)
    sizes = " → ".join(str(w.shape[0]) for w, _ in digits.layers) + f" → {digits.layers[-1][0].shape[1]}"
    fact("layers", f"{sizes}, trained by scikit-learn in {duration(time.perf_counter() - start)}")
    fact("images", f"{len(digits.images)} of 8 × 8 pixels, {np.mean(digits.predictions == digits.labels):.1%} right")
    kept = []
    for dtype, name in ((td.float64, "float64"), (td.float32, "float32")):
        x, layers = digits.tensors(dtype)
        eager_logits, eager_digits = network.classify.eager(x, layers)
        logits, predicted = network.classify(x, layers)
        agree = int(np.sum(np.asarray(predicted) == digits.predictions))
        exact = agree == len(digits.predictions)
        # scikit-learn computes in float64: only there must every prediction be the same.
        if dtype is td.float64:
            kept.append(check(f"{name}: scikit-learn's predictions", exact, f"{agree} of {len(digits.images)}"))
            gap = np.max(np.abs(np.asarray(td.softmax(logits, axis=1)) - digits.probabilities))
            fact("         its probabilities", f"differ by at most {gap:.1e}")
        else:
            fact(f"{name}: scikit-learn's predictions", f"{agree} of {len(digits.images)}")
        same = equal_bits(logits, eager_logits) and equal_bits(predicted, eager_digits)
        kept.append(check(f"{name}: eager = compiled, bit for bit", same))
    return digits, kept


def show_photograph(name: str, out: Path, quick: bool) -> tuple[np.ndarray, list[bool]]:
    heading("2. A photograph, denoised by a loop that runs until the picture stands still")
    clean, noisy = photograph.load(name, quick)
    arguments = td.asarray(noisy), photograph.STRENGTH, photograph.TOLERANCE
    start = time.perf_counter()
    image, steps = photograph.denoise(*arguments)
    first = time.perf_counter() - start
    eager_image, eager_steps = photograph.denoise.eager(*arguments)
    result = np.asarray(image)
    before, after = photograph.psnr(noisy, clean), photograph.psnr(result, clean)
    fact("photograph", f"{name}.jpg, {clean.shape[2]} × {clean.shape[1]} pixels, noise of {photograph.NOISE:.0%} added")
    fact("loop", f"{int(steps)} iterations; first call {duration(first)}, compiling included")
    fact("PSNR before", f"{before:.2f} dB")
    fact("PSNR after", f"{after:.2f} dB")
    kept = [check("better than before", after > before + 3)]
    kept.append(
        check("eager = compiled, bit for bit", equal_bits(image, eager_image) and int(steps) == int(eager_steps))
    )
    out.mkdir(parents=True, exist_ok=True)
    for picture, file in (
        (noisy, f"{name}-before.png"),
        (result, f"{name}-after.png"),
        (np.concatenate([noisy, result, clean], axis=2), f"{name}-before-after-original.png"),
    ):
        fact("written", str(photograph.save(picture, out / file)))
    return noisy, kept


def pictures_to_learn(folder: Path, quick: bool) -> training.Task:
    try:
        return training.clothes(folder, quick)
    except FileNotFoundError as missing:
        print(paint(f"  {missing}", RED))
        task = training.digits(quick)
        fact("instead", f"{task.name}: fewer, smaller and easier, so no measure of the network")
        return task


def show_training(folder: Path, out: Path, quick: bool) -> list[bool]:
    heading("3. A convolutional network, trained here: a step with its gradients is one program")
    start = time.perf_counter()
    task = pictures_to_learn(folder, quick)
    (count, *size), tests = task.train.images.shape, len(task.test.labels)
    fact("images", f"{task.name}: {count} of {size[0]} × {size[1]} pixels to train on, {tests} to test with")
    trainer, kept = training.Trainer(task), compare_training(task, quick)
    before = time.perf_counter()
    with Progress("training", task.steps) as bar:
        for loss in trainer.run():
            bar.at(trainer.done, f"loss {float(loss):.3f}")
    seconds = time.perf_counter() - before
    fact("training", f"{task.steps} steps, {task.steps * training.BATCH / count:.1f} epochs, in {duration(seconds)}")
    counts = trainer.confusion()
    accuracy = np.trace(counts) / counts.sum()
    kept.append(
        check(f"at least {task.goal:.0%} of the test images right", bool(accuracy >= task.goal), f"{accuracy:.2%}")
    )
    shown, taken = np.unravel_index(np.argmax(counts - np.diag(np.diag(counts))), counts.shape)
    fact("most often mistaken", f"{task.kinds[shown]} for {task.kinds[taken]}, {counts[shown, taken]} times")
    out.mkdir(parents=True, exist_ok=True)
    title = f"{task.name}: {accuracy:.1%} of {tests} test images right"
    path = out / "confusion.png"
    fact("written", str(confusion.draw(counts, task.kinds, task.examples(), title, path)))
    fact("from loading to picture", duration(time.perf_counter() - start))
    return kept


def compare_training(task: training.Task, quick: bool) -> list[bool]:
    """Train two networks in turns, one of them eagerly, for some steps."""
    compiled, eager = training.Trainer(task), training.Trainer(task)
    runs: list[tuple[training.Trainer, Any]] = [(compiled, compiled.compiled_step), (eager, eager.step)]
    seconds: tuple[list[float], list[float]] = ([], [])
    losses: tuple[list[bytes], list[bytes]] = ([], [])
    steps = 20 if quick else 100
    with Progress("comparing with eager code", steps) as bar:
        for done in range(steps):
            for k, (trainer, step) in enumerate(runs):
                batch = trainer.batch()
                before = time.perf_counter()
                losses[k].append(np.asarray(step(*batch)).tobytes())
                seconds[k].append(time.perf_counter() - before)
            bar.at(done + 1)
    stats = compiled.compiled_step.stats()
    kernels = compiled.compiled_step.explain().report.specializations[-1].kernels
    fact("a step", f"{training.BATCH} images; {len(kernels)} kernels; captured {stats['captures']} ×")
    middle = [sorted(found)[steps // 2] for found in seconds]
    fact(
        "time for a step", f"eager {duration(middle[1])}, compiled {duration(middle[0])}: {middle[1] / middle[0]:.2f} ×"
    )
    fact("the first one, compiling included", duration(seconds[0][0]))
    kept = [check("losses: eager = compiled, bit for bit", losses[0] == losses[1], f"{steps} steps")]
    kept.append(check("parameters after that, bit for bit", compiled.bits() == eager.bits()))
    return kept


def show_graphs(digits: network.Digits) -> None:
    heading("4. From the graph that was recorded to the kernels that run")
    network.classify.clear()
    network.classify(*digits.tensors(td.float32))
    for stage, title in (("captured", "recorded"), ("optimized", "after the passes")):
        print(f"  The network, {title}:")
        block(re.sub(r"# .*/", "# ", network.classify.ir(stage)))
    for function in (network.classify, photograph.denoise):
        kernels = function.explain().report.specializations[-1].kernels
        operations = sum(" = " in line and " = full " not in line for line in function.ir("captured").splitlines())
        print(f"  {function.__name__}: {operations} operations, fused into {len(kernels)} kernels:")
        for kernel in kernels:
            print(f"    {kernel.name}  {paint(places(kernel.lines), DIM)}")


def numpy_seconds(function: Callable[[], Any]) -> float:
    times: list[float] = []
    end = time.perf_counter() + 0.3
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def show_times(digits: network.Digits, noisy: np.ndarray) -> list[bool]:
    heading("5. Eager, compiled, NumPy")
    cases: list[tuple[str, Any, tuple[Any, ...], Callable[[], Any]]] = []
    layers = [(w.astype(np.float32), b.astype(np.float32)) for w, b in digits.layers]
    for count in (len(digits.images), 1):
        images = digits.images[:count].astype(np.float32)
        run: Callable[[], Any] = functools.partial(network.classify_numpy, images, layers)
        arguments = digits.tensors(td.float32, count)
        cases.append((f"network, {count} image{'s' * (count > 1)}", network.classify, arguments, run))
    settings = photograph.STRENGTH, photograph.TOLERANCE
    cases.append(
        (
            "photograph, until it stands still",
            photograph.denoise,
            (td.asarray(noisy), *settings),
            functools.partial(photograph.denoise_numpy, noisy, *settings),
        )
    )
    rows, kept = [], []
    for label, function, arguments, run in cases:
        seconds = numpy_seconds(run)
        cold, warm = compile_seconds(function, arguments)
        report = td.compare(function, *arguments)
        rows.append(
            (
                label,
                duration(seconds),
                duration(report.eager_seconds),
                duration(report.compiled_seconds),
                f"{report.speedup:.1f} ×",
                f"{seconds / report.compiled_seconds:.1f} ×",
                duration(cold),
                duration(warm),
                "equal" if report.bitwise_equal else "DIFFER",
            )
        )
        kept.append(report.bitwise_equal)
    table(("", "NumPy", "eager", "compiled", "vs eager", "vs NumPy", "compile", "from disk", "bits"), rows)
    print(paint("  medians, float32, compiling not included", DIM))
    print(paint("  compile: from the recorded graph to machine code; from disk: the same in the next process", DIM))
    return kept


def compile_seconds(function: Any, arguments: tuple[Any, ...]) -> tuple[float, float]:
    """Return how long compilation takes with an empty disk cache, and with one that another process filled."""
    user_folder = os.environ.get("TANDEM_CACHE_DIR")
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TANDEM_CACHE_DIR"] = folder
        try:
            for _ in range(2):
                function.clear()
                td.clear_cache()  # the one in memory, as in a new process
                function(*arguments)
                seconds.append(sum(special.executable.compile_seconds for special in function.specializations))
        finally:
            if user_folder is None:
                del os.environ["TANDEM_CACHE_DIR"]
            else:
                os.environ["TANDEM_CACHE_DIR"] = user_folder
    return seconds[0], seconds[1]


def show_switch(noisy: np.ndarray) -> list[bool]:
    heading("6. The off switch")
    arguments = td.asarray(noisy), photograph.STRENGTH, photograph.TOLERANCE
    compiled = photograph.digest(*photograph.denoise(*arguments))
    calls = photograph.denoise.stats()["calls"]
    with td.disabled():
        off = photograph.digest(*photograph.denoise(*arguments))
    fact("compiled", compiled)
    kept = [check("with td.disabled()", off == compiled and photograph.denoise.stats()["calls"] == calls, off)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "noisy.npy"
        np.save(file, noisy)
        child = subprocess.run(
            [sys.executable, "-m", "tandem._demo.photograph", str(file)],
            env={**os.environ, "TANDEM_DISABLE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if child.returncode:
        print(child.stderr, file=sys.stderr)
        return [*kept, check("TANDEM_DISABLE=1, another process", False)]
    name, captures = child.stdout.split("\n")[:2]
    kept.append(check("TANDEM_DISABLE=1, another process", name == compiled and captures == "0", name))
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tandem.demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("tandem-demo"), help="folder for the pictures")
    parser.add_argument("--photo", choices=("flower", "china"), default="flower", help="which of scikit-learn's two")
    parser.add_argument("--images", type=Path, default=fashion_mnist.FOLDER, help="folder with Fashion-MNIST's files")
    parser.add_argument("--quick", action="store_true", help="a part of the picture and little training")
    options = parser.parse_args()
    try:
        import PIL  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as missing:
        parser.exit(2, f"demo: got no module '{missing.name}'; need scikit-learn and pillow; try ./dev demo\n")
    start = time.perf_counter()
    print(f"Tandem {td.__version__}, {td.num_threads()} threads")
    digits, kept = show_network(options.quick)
    noisy, more = show_photograph(options.photo, options.out, options.quick)
    kept += more
    kept += show_training(options.images, options.out, options.quick)
    show_graphs(digits)
    kept += show_times(digits, noisy)
    kept += show_switch(noisy)
    verdict = "every promise kept" if all(kept) else f"{kept.count(False)} of {len(kept)} promises NOT kept"
    print(f"\n{verdict}, in {duration(time.perf_counter() - start)}")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
