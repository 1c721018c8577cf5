"""Programs that print, assert and raise. A module of its own: pytest changes the `assert`s of test modules."""

import tandem as td


def prints_values(x):
    print("start")
    print("x is", x, "and its sum", x.sum(), sep=" | ", end="!\n")
    print([x[0], (x.shape[0], {"max": td.max(x)})])
    return x * 2


def prints_text(x):
    y = x.sum()
    print(f"sum {y:.3f} of {x!r}, {3:>4}, {len(x)}")
    print("joined " + f"{y}" + " end")
    return y


def prints_in_order(x):
    if x.sum() > 0:
        print("positive", x.sum())
    else:
        print("negative", x.sum())
    k = 0
    while x.sum() < 10 and k < 5:
        print("step", k, x[0])
        x = x * 2
        k += 1
    for i in range(9):
        print(i, x[0] + i)
    print("done", k)
    return x


def prints_before_a_write(x):
    print(x)
    x[0] = 7
    print(x)
    return x.sum()


def checks(x):
    assert x.sum() > 0
    assert td.all(x > -5), f"too small: {td.min(x)}"
    assert x.shape[0] == 2, "known at capture"
    return x


def checks_in_a_loop(x):
    k = 0
    while k < x.sum():
        assert x[0] < 100, ("k", k)
        x = x * 1.5
        k += 1
    return x


def raises(x):
    if x.sum() < 0:
        raise ValueError(f"negative: {x.sum()}", "and more")
    if x[0] > 50:
        raise KeyError from RuntimeError("first")
    return td.sqrt(td.abs(x))


def raises_in_a_helper(x):
    return helper(x) + 1


def helper(x):
    for i in range(10):
        if x[0] + i == 7:
            raise RuntimeError("seven", i)
    return x
