"""Pooling on a GPU, on the stub: the bits of the CPU, no step of the host."""

from __future__ import annotations

from cuda_support import run

PROGRAM = """
F = td.nn.functional
rng = np.random.default_rng(0)
def bits(tree):
    leaves = [x.cpu() for x in td.pytree.flatten(tree)[0]]
    return [np.asarray(x.astype(td.float32) if x.dtype == td.bfloat16 else x).tobytes() for x in leaves]
def same(f, x):
    got, wanted = f(x.to("cuda")), f(x)
    assert all(y.device == "cuda:0" for y in td.pytree.flatten(got)[0])
    assert bits(got) == bits(wanted), (f, got, wanted)
def floats(*shape):
    x = rng.standard_normal(shape).astype(np.float32)
    x[x > 1.5] = 1.5  # equal ones
    return x
image = floats(2, 3, 9, 11)
image[0, 0, :2, :3] = [[np.nan, -0.0, 0.0], [np.inf, -np.inf, np.nan]]
image[1, 1] = -np.inf
plane = td.asarray(image)
"""


def test_largest_elements() -> None:
    run(
        PROGRAM
        + """
for options in (dict(kernel_size=2), dict(kernel_size=3, stride=1, padding=1), dict(kernel_size=(2, 3), stride=(3, 2)),
                dict(kernel_size=3, stride=2, padding=1, dilation=2), dict(kernel_size=4, ceil_mode=True)):
    same(lambda x: F.max_pool2d(x, **options), plane)
    same(lambda x: F.max_pool2d(x, **options, return_indices=True), plane)
same(lambda x: F.max_pool1d(x, 3), td.asarray(floats(2, 3, 10)))
same(lambda x: F.max_pool3d(x, 2, padding=1), td.asarray(floats(1, 2, 5, 4, 6)))
same(lambda x: F.adaptive_max_pool2d(x, (4, 3), return_indices=True), plane)
for dtype in (td.float16, td.bfloat16, td.float64):
    same(lambda x: F.max_pool2d(x, 3, stride=2), plane.astype(dtype))
assert td.cuda.stats()["host_steps"] == 0, td.cuda.stats()
"""
    )


def test_means_and_their_gradients() -> None:
    run(
        PROGRAM
        + """
plane = td.asarray(floats(2, 3, 9, 11))
def gradient(f):
    def of(x):
        x = x.detach().requires_grad_()
        y = f(x)
        (y * td.cos(td.arange(y.size, dtype=td.float32, device=x.device).reshape(y.shape))).sum().backward()
        return x.grad
    return of
for options in (dict(kernel_size=2), dict(kernel_size=3, stride=1, padding=1), dict(kernel_size=(2, 3), stride=(3, 2)),
                dict(kernel_size=3, stride=2, padding=1, count_include_pad=False), dict(kernel_size=4, ceil_mode=True),
                dict(kernel_size=3, divisor_override=5)):
    pool = lambda x: F.avg_pool2d(x, **options)
    same(pool, plane)
    same(gradient(pool), plane)
for size in ((4, 3), (1, 11), (9, 20)):
    pool = lambda x: F.adaptive_avg_pool2d(x, size)
    same(pool, plane)
    same(gradient(pool), plane)
same(lambda x: F.avg_pool1d(x, 3), td.asarray(floats(2, 3, 10)))
same(lambda x: F.avg_pool3d(x, 2, padding=1), td.asarray(floats(1, 2, 5, 4, 6)))
for dtype in (td.float16, td.bfloat16, td.float64):
    same(lambda x: F.avg_pool2d(x, 3, stride=2), plane.astype(dtype))
assert td.cuda.stats()["host_steps"] == 0, td.cuda.stats()
"""
    )
