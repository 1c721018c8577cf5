"""Tensor programs of functions and objects: arguments, closures, generators, recursion, methods.

As in programs.py: a program takes one tensor of rank 1 or 2.
"""

import functools

import frontend_support
import programs

import tandem as td


def positional_and_keyword_only(x):
    def mix(a, b=2.0, /, c=3.0, *rest, scale, shift=0.5, **others):
        y = a * b + c * scale + shift
        for value in rest:
            y = y + value if y.sum() > 0 else y - value
        return y + len(others)

    return mix(x, scale=2.0), mix(x, 1.0, 2.0, 4.0, 5.0, scale=x, shift=-1.0, extra=1, more=2)


def starred_calls(x):
    def three(a, b, c=1.0):
        return a * b + c if a.sum() > 0 else a - b - c

    numbers, names = [2.0, 3.0], {"b": 4.0, "c": x}
    return three(x, *numbers), three(*(x, 1.5), **{"c": 0.5}), three(x, **names)


def defaults_are_shared(x):
    def scaled(value, by=programs.SCALE, offsets=(1.0, 2.0)):
        return value * by + sum(offsets) if value.sum() > 0 else value

    return scaled(x) + scaled(-x, offsets=(3.0,))


def default_is_a_tensor(x):
    def add(value, other=x * 2):
        return value + other if other.sum() > 0 else value - other

    x = x * 10
    return add(x)


def nonlocal_number(x):
    calls = 0

    def step(value):
        nonlocal calls
        calls += 1
        if value.sum() > 0:
            return value * 0.5
        return value + 1

    x = step(step(x))
    return step(x) * calls


def nonlocal_tensor(x):
    state = x * 0

    def feed(value):
        nonlocal state
        if value.sum() > 0:
            state = state + value
        else:
            state = state - value
        return state

    a = feed(x)
    b = feed(-x * 2)
    return a, b, state


def nonlocal_in_a_loop(x):
    total = x * 0

    def add(k):
        nonlocal total
        total = total + x * k if total.sum() < 50 else total * 0.5

    for k in range(12):
        add(k)
    return total


def nonlocal_in_branches(x):
    best = x

    def replace(value):
        nonlocal best
        best = value

    if x.sum() > 0:
        replace(x * 2)
    else:
        replace(x - 3)
    return best


def closure_reads_rebound_variable(x):
    scale = x.max()

    def apply(value):
        return value * scale if value.sum() > 0 else value

    first = apply(x)
    scale = scale * 2
    return first, apply(x)


def closure_sees_branch_results(x):
    def shifted(value):
        return value + shift

    if x.sum() > 0:
        shift = x * 2
    else:
        shift = x * 3
    return shifted(x)


def functions_three_deep(x):
    def outer(a):
        def middle(b):
            def inner(c):
                if c.sum() > a.sum():
                    return c - a
                return c + b

            return inner(b * 2)

        return middle(a + 1) if a.max() > 0 else middle(a - 1)

    return outer(x)


def function_chosen_by_python(x):
    def double(value):
        return value * 2

    def halve(value):
        while value.max() > 1:
            value = value * 0.5
        return value

    for name, function in {"double": double, "halve": halve}.items():
        x = function(x) + len(name)
    return x


def function_defined_in_branch(x):
    if x.ndim == 1:

        def apply(value):
            return value * 2 if value.sum() > 0 else value

    else:

        def apply(value):
            return value * 3 if value.sum() > 0 else value

    return apply(x)


def function_defined_in_loop(x):
    for k in range(3):

        def step(value, k=k):
            return value + k if value.sum() > k else value - k

        x = step(x)
    return x


def function_made_by_a_function(x):
    def scaler(factor):
        def scale(value):
            return value * factor if value.max() > factor else value

        return scale

    return scaler(2.0)(x) + scaler(x.mean())(x)


def function_as_argument(x):
    def twice(function, value):
        return function(function(value))

    return twice(lambda v: v * 0.5 if v.sum() > 1 else v + 0.25, x)


def lambdas_with_conditions(x):
    clip = lambda v, top: v if v.max() < top else v * 0.1  # noqa: E731
    pick = lambda *values, last=False: values[-1] if last else values[0]  # noqa: E731
    return pick(clip(x, 1.0), x, last=True) + pick(clip(x, 2.0), x) + (lambda: x if x.sum() > 0 else -x)()


def lambda_with_boolean_operators(x):
    inside = lambda v: (v > -2).all() and (v < 2).all() or not v.sum() < 10  # noqa: E731
    return x * 2 if inside(x) else x


def decorated_function(x):
    def logged(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs) + 1

        return wrapper

    @logged
    def body(value, *, scale):
        return value * scale if value.sum() > 0 else value - scale

    return body(x, scale=2.0)


def partial_and_map(x):
    def power(value, exponent):
        return value**exponent if value.sum() > 0 else -value

    square = functools.partial(power, exponent=2)
    a, b = map(square, (x, -x))
    return functools.reduce(lambda left, right: left + right, [a, b, x])


def recursion_on_an_int(x):
    def halves(value, depth):
        if depth == 0:
            return value
        smaller = value * 0.5 if value.max() > 1 else value + 0.5
        return halves(smaller, depth - 1) + halves(smaller * 2, depth - 1)

    return halves(x, 3)


def recursion_on_a_tree(x):
    tree = {"op": "+", "args": [{"op": "x"}, {"op": "*", "args": [{"op": "x"}, {"op": "number", "value": 2.0}]}]}

    def evaluate(node):
        match node:
            case {"op": "x"}:
                return x
            case {"op": "number", "value": value}:
                return value
            case {"op": "+", "args": [left, right]}:
                return evaluate(left) + evaluate(right)
            case {"op": "*", "args": [left, right]}:
                value = evaluate(left) * evaluate(right)
                return value if value.sum() > 0 else -value

    return evaluate(tree)


def mutual_recursion(x):
    def even(value, n):
        return value if n == 0 else odd(value * 2 if value.sum() > 0 else value, n - 1)

    def odd(value, n):
        return -value if n == 0 else even(value + 1, n - 1)

    return even(x, 4), even(x, 3)


def generator_of_tensors(x):
    def scaled(limit):
        k = 0
        while k < limit:
            yield x * k
            k += 1

    total = x * 0
    for part in scaled(5):
        total = total + part if part.sum() > 0 else total - part
    return total


def generator_expressions(x):
    total = sum(x * k for k in range(4))
    largest = max((x * k).sum() for k in (1.0, -1.0))
    positive = all((x * k).sum() > 0 for k in (1, 2))
    return total + largest + (1.0 if positive else 2.0), [v for v in (y + 1 for y in (x, -x))]


def generator_with_send(x):
    def accumulate():
        total = x * 0
        while True:
            value = yield total
            if value is None:
                return
            total = total + value

    totals = accumulate()
    next(totals)
    for k in range(3):
        y = totals.send(x * k)
    return y


def generator_delegates(x):
    def inner(n):
        for k in range(n):
            yield x + k
        return n

    def outer():
        count = yield from inner(2)
        yield x * count

    return list(outer())


class Scaler:
    """Properties, class and static methods, attributes, operators."""

    count = 2

    def __init__(self, factor):
        self.factor = factor
        self._limit = 1.5

    @property
    def limit(self):
        return self._limit * self.count

    @staticmethod
    def clipped(x, top):
        return x if x.max() < top else x * 0.25

    @classmethod
    def shifted(cls, x):
        return x + cls.count if x.sum() > 0 else x - cls.count

    def __matmul__(self, x):
        return x * self.factor

    def __getitem__(self, k):
        return self.factor * k

    def apply(self, x):
        return self.clipped(self.shifted(x), self.limit)


class Doubled(Scaler):
    """Overrides and super()."""

    count = 3

    def apply(self, x):
        y = super().apply(x)
        if y.sum() > 1:
            return y * 2
        return y

    @property
    def limit(self):
        return super().limit - 1


def methods_and_properties(x):
    scaler = Scaler(2.0)
    return scaler.apply(x) + scaler[3], scaler @ x


def inherited_methods(x):
    scaler = Doubled(0.5)
    return scaler.apply(x), Doubled.shifted(x), Scaler.clipped(x, scaler.limit), scaler @ x


def property_that_computes(x):
    class Gate:
        def __init__(self, value):
            self.value = value

        @property
        def active(self):
            return self.value.sum() > 0

        @property
        def opened(self):
            return self.value * 2 if self.active else self.value

    gate = Gate(x)
    return gate.opened if gate.active else -gate.opened


class Layer:
    """A callable object that holds another one."""

    def __init__(self, inner, scale):
        self.inner, self.scale = inner, scale

    def __call__(self, x, *, flip=False):
        y = self.inner(x) if self.inner is not None else x
        if y.max() > 1:
            y = y * self.scale
        return -y if flip else y


STACK = Layer(Layer(Layer(None, 0.5), 0.25), 2.0)


def callable_objects_nested(x):
    return STACK(x) + STACK(x, flip=True) * 2


def bound_methods_as_values(x):
    scaler = Scaler(3.0)
    steps = [scaler.apply, Scaler.shifted, scaler.__matmul__]
    for step in steps:
        x = step(x) * 0.5
    return x


def from_another_file(x):
    return frontend_support.shrink(x, 1.0) + programs.helper(x, limit=0.5)


def annotated_functions_call_each_other(x):
    return outer_part(x) + 1


@td.script
def inner_part(x):
    return x * 2 if x.sum() > 0 else x - 2


@td.trace
def middle_part(x):
    return inner_part(x) * 0.5


@td.script
def outer_part(x):
    return middle_part(x) if x.max() > 0 else inner_part(x)


TRACEABLE = [generator_with_send, generator_delegates]
SCRIPTED = [
    positional_and_keyword_only,
    starred_calls,
    defaults_are_shared,
    default_is_a_tensor,
    nonlocal_number,
    nonlocal_tensor,
    nonlocal_in_a_loop,
    nonlocal_in_branches,
    closure_reads_rebound_variable,
    closure_sees_branch_results,
    functions_three_deep,
    function_chosen_by_python,
    function_defined_in_branch,
    function_defined_in_loop,
    function_made_by_a_function,
    function_as_argument,
    lambdas_with_conditions,
    lambda_with_boolean_operators,
    decorated_function,
    partial_and_map,
    recursion_on_an_int,
    recursion_on_a_tree,
    mutual_recursion,
    generator_of_tensors,
    generator_expressions,
    methods_and_properties,
    inherited_methods,
    property_that_computes,
    callable_objects_nested,
    bound_methods_as_values,
    from_another_file,
    annotated_functions_call_each_other,
]
