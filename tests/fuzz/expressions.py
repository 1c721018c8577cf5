"""Random expressions: operations drawn from the op table with its own samples, operators, views, conditions."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import tandem as td
from fuzz.scope import Scope, Value, is_number, is_tensor, rank, type_of
from ops import samples

BINARY = ("+", "-", "*", "+", "-", "*", "/", "**", "&", "|", "^", "<<", ">>", "@")
COMPARE = ("<", "<=", ">", ">=", "==", "!=")
NUMBERS = ("0", "1", "2", "3", "-1", "0.5", "1.5", "-0.25", "2.0", "True", "7", "1e-3", "-0.0", "100")
SIGN_READERS = ("signbit", "copysign")  # of NaNs that arithmetic makes no sign is promised
ATTEMPTS = 10


@cache
def operations() -> tuple[list[dict[str, Any]], list[int]]:
    """The public rows of the table and how often each is drawn: rows with many samples have many cases."""
    rows = list(samples.table().values())
    return rows, [max(1, len(row["samples"]) - 2) if row["inputs"] else 1 for row in rows]


@cache
def keywords(signature: str) -> dict[str, str]:
    """The parameters of a row with defaults, as text."""
    function = ast.parse(f"def {signature}: pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    names = [argument.arg for argument in function.args.args]
    defaults = function.args.defaults
    return {name: ast.unparse(value) for name, value in zip(names[len(names) - len(defaults) :], defaults)}


class Expressions:
    """Draws expressions over the variables of a scope."""

    def __init__(self, rng: random.Random, helpers: list[str] | None = None) -> None:
        self.rng = rng
        self.helpers = helpers or []

    # What is drawn, as text

    def accepted(
        self, scope: Scope, make: Callable[[], str], accept: Callable[[Value], bool] = is_tensor
    ) -> tuple[str, Value] | None:
        """An expression that works in all worlds and has the values wanted."""
        for _ in range(ATTEMPTS):
            text = make()
            values = scope.evaluate(text)
            if values is not None and accept(values):
                return text, values
        return None

    def tensor(self, scope: Scope, depth: int = 2, accept: Callable[[Value], bool] = is_tensor) -> str:
        """An expression whose value is a tensor that is accepted, else a variable that is, else `""`."""
        found = self.accepted(scope, lambda: self._draw(scope, depth), lambda v: is_tensor(v) and accept(v))
        if found is not None:
            return found[0]
        names = scope.names(lambda v: is_tensor(v) and accept(v))
        return self.rng.choice(names) if names else ""

    def _draw(self, scope: Scope, depth: int) -> str:
        if depth == 0:
            return self._variable(scope)
        kinds = [self._operation, self._operator, self._view, self._variable, self._ternary, self._cast, self._helper]
        return self.rng.choices(kinds, [9, 7, 3, 1, 0.7, 1, 1.5 if self.helpers else 0])[0](scope, depth)

    def _variable(self, scope: Scope, depth: int = 0) -> str:
        names = scope.names(is_tensor)
        return self.rng.choice(names[-4:] if self.rng.random() < 0.5 else names)

    def number(self, scope: Scope) -> str:
        names = scope.names(is_number)
        if names and self.rng.random() < 0.5:
            name = self.rng.choice(names)
            return name if self.rng.random() < 0.6 else f"({name} {self.rng.choice('+-*')} {self.rng.choice('123')})"
        sized = scope.names(lambda v: is_tensor(v) and rank(v) > 0)
        if sized and self.rng.random() < 0.1:
            return f"{self.rng.choice(sized)}.shape[{self.rng.choice(['0', '-1'])}]"
        return self.rng.choice(NUMBERS)

    def _operand(self, scope: Scope, depth: int) -> str:
        text = self._draw(scope, depth - 1)
        return text if self.rng.random() < 0.85 else text + self.rng.choice([".T", "[None]", "[..., None]"])

    def _operator(self, scope: Scope, depth: int) -> str:
        rng, draw = self.rng, rng_choice(self.rng)
        if rng.random() < 0.12:
            return f"({draw('-', '~', '+')}{self._operand(scope, depth)})"
        operator = rng.choice(BINARY if rng.random() < 0.8 else COMPARE)
        left, right = self._operand(scope, depth), self._operand(scope, depth)
        if rng.random() < 0.35:
            left, right = rng.sample([left, self.number(scope)], 2)
        return f"({left} {operator} {right})"

    def _cast(self, scope: Scope, depth: int) -> str:
        source = self._operand(scope, depth)
        return (
            f"{source}.copy()" if self.rng.random() < 0.2 else f"{source}.astype(td.{self.rng.choice(samples.DTYPES)})"
        )

    def _ternary(self, scope: Scope, depth: int) -> str:
        first = self._draw(scope, depth - 1)
        values = scope.evaluate(first)
        if values is None:
            return first
        second = self.tensor(scope, depth - 1, lambda other: type_of(other) == type_of(values))
        if not second:
            return first
        return f"({first} if {self.condition(scope)} else {second})"

    def _helper(self, scope: Scope, depth: int) -> str:
        name = self.rng.choice(self.helpers)
        given = [self._operand(scope, depth), self._operand(scope, 1)]
        return f"{name}({', '.join(given)})"

    # Rows of the op table

    def _operation(self, scope: Scope, depth: int) -> str:
        rng = self.rng
        row = rng.choices(*operations())[0]
        sample = samples.parse(rng.choice(row["samples"]))
        inputs = [self._input(scope, depth, domain) for domain in sample.domains]
        if row["variadic"]:
            if rng.random() < 0.6:  # operands of one shape
                inputs = [inputs[0], *(rng.choice([inputs[0], f"{inputs[0]} * 2"]) for _ in inputs[1:])]
            inputs = [f"[{', '.join(inputs)}]"]
        elif len(inputs) > 1 and rng.random() < 0.15:
            inputs[rng.randrange(len(inputs))] = self.number(scope)
        if row["name"] in SIGN_READERS:
            inputs[-1] = f"td.where(td.isnan({inputs[-1]}), 1, {inputs[-1]})"
        attributes = self._attributes(scope, row, sample, inputs)
        method = inputs and not row["variadic"] and hasattr(td.Tensor, row["name"]) and rng.random() < 0.3
        if method and not inputs[0][0].isdigit() and inputs[0][0] != "-":
            return f"{inputs[0]}.{row['name']}({', '.join([*inputs[1:], *attributes])})"
        return f"td.{row['name']}({', '.join([*inputs, *attributes])})"

    def _input(self, scope: Scope, depth: int, domain: str) -> str:
        rng = self.rng
        if domain == "bool":
            return self._comparison(scope, depth)
        if domain.startswith("index"):
            integers = scope.names(lambda v: is_tensor(v) and "int" in str(v[0].dtype))
            choices = ["td.asarray([0, -1, 0])", f"td.zeros({self._variable(scope)}.shape, dtype=td.int64)"]
            if integers:
                choices.append(f"td.clip({rng.choice(integers)}, 0, 1)")
            choices.append(f"td.argmax({self._variable(scope)}, axis={rng.choice(['0', '-1'])}, keepdims=True)")
            return rng.choice(choices)
        return self._operand(scope, depth)

    def _attributes(self, scope: Scope, row: dict[str, Any], sample: samples.Sample, inputs: list[str]) -> list[str]:
        """Keyword arguments: those of the sample, with axes, shapes and dtypes that suit the input at hand."""
        rng = self.rng
        values = scope.evaluate(inputs[0]) if inputs else None
        axes = rank(values) if values is not None and is_tensor(values) else 2
        given = {name: repr(value) for name, value in sample.attributes.items()}
        for name in keywords(row["signature"]):
            if name not in given and rng.random() < 0.3:
                given[name] = ""
        for name in given:
            if name == "axis":
                several = given[name].startswith("(") or (row["name"] in _several() and rng.random() < 0.2)
                count = min(2, axes) if several else 1
                picked = rng.sample(range(axes), count) if axes else [0]
                picked = [axis - axes if rng.random() < 0.4 else axis for axis in picked]
                given[name] = repr(tuple(picked)) if several else repr(picked[0])
            elif name == "axes":
                given[name] = repr(tuple(rng.sample(range(axes), axes)))
            elif name == "shape":
                given[name] = self._shape(scope, inputs[0] if inputs else self._variable(scope), axes)
            elif name == "dtype":
                given[name] = f"td.{rng.choice(samples.DTYPES)}"
            elif name == "keepdims":
                given[name] = rng.choice(["True", "False"])
        return [f"{name}={value}" for name, value in given.items() if value]

    def _shape(self, scope: Scope, source: str, axes: int) -> str:
        rng = self.rng
        choices = [
            "(-1,)",
            f"(1, *{source}.shape)",
            f"{source}.shape",
            f"(*{source}.shape, 1)",
            f"(2, *{source}.shape)",
        ]
        if axes:
            choices += [f"({source}.shape[-1], -1)", f"(-1, {source}.shape[0])"]
        return rng.choice(choices)

    # Views

    def key(self, scope: Scope, name: str) -> str:
        """An index: integers, slices with any bounds and steps, None, `...`, numbers and index tensors."""
        rng = self.rng
        axes = rank(scope[name]) if name in scope.worlds[0] else 1
        items = []
        for _ in range(rng.randint(0, axes)):
            kind = rng.random()
            if kind < 0.25:
                counters = scope.names(lambda v: type(v[0]) is int)
                items.append(rng.choice(counters) if counters and rng.random() < 0.4 else rng.choice(["0", "-1", "1"]))
            elif kind < 0.9:
                bound = lambda: rng.choice(["", "", "", "1", "2", "-1", "-2", "0", "4"])  # noqa: E731
                step = rng.choice(["", "", ":2", ":-1", ":3", ":-2"])
                items.append(f"{bound()}:{bound()}{step}")
            else:
                items.append(":")
        if rng.random() < 0.15:
            items.insert(rng.randint(0, len(items)), "None")
        if not items or rng.random() < 0.15:
            items.append("...")
        return ", ".join(items)

    def _view(self, scope: Scope, depth: int = 1) -> str:
        name = self._variable(scope)
        rng = self.rng
        if rng.random() < 0.75:
            return f"{name}[{self.key(scope, name)}]"
        return name + rng.choice([".T", ".mT", "[::-1]", ".reshape(-1)", "[:, None]", "[..., ::2]"])

    def view(self, scope: Scope) -> str:
        found = self.accepted(scope, lambda: self._view(scope))
        return found[0] if found else ""

    # Conditions

    def _comparison(self, scope: Scope, depth: int) -> str:
        other = self.number(scope) if self.rng.random() < 0.6 else self._operand(scope, depth)
        return f"({self._operand(scope, depth)} {self.rng.choice(COMPARE)} {other})"

    def _scalar(self, scope: Scope) -> str:
        """A 0-d tensor, on which both sides of comparisons happen."""
        name = self._variable(scope)
        how = self.rng.choice(["sum", "max", "min", "mean", "sum", "first"])
        if how == "first":
            axes = rank(scope[name])
            return f"{name}[{', '.join(['0'] * axes)}]" if axes else name
        return f"{name}.{how}()"

    def _simple_condition(self, scope: Scope) -> str:
        rng = self.rng
        numbers = scope.names(is_number)
        kind = rng.random()
        if kind < 0.55 or (kind < 0.7 and not numbers):
            return f"{self._scalar(scope)} {rng.choice(COMPARE)} {rng.choice([self._scalar(scope), *NUMBERS[:6]])}"
        if kind < 0.7:
            return f"{rng.choice(numbers)} {rng.choice(COMPARE)} {rng.choice('0123')}"
        if kind < 0.8:
            return f"td.{rng.choice(['any', 'all'])}({self._comparison(scope, 1)})"
        if kind < 0.9:
            return f"{rng.choice(NUMBERS[:6])} < {self._scalar(scope)} <= {rng.choice(['3', '8', self._scalar(scope)])}"
        sized = scope.names(lambda v: is_tensor(v) and rank(v) > 0)
        return f"{rng.choice(sized)}.shape[0] > {rng.choice('1234')}" if sized else "True"

    def condition(self, scope: Scope) -> str:
        """An expression with a truth value: of tensors, numbers or sizes."""

        def make() -> str:
            text = self._simple_condition(scope)
            kind = self.rng.random()
            if kind < 0.15:
                return f"({text} {self.rng.choice(['and', 'or'])} {self._simple_condition(scope)})"
            return f"(not {text})" if kind < 0.22 else text

        found = self.accepted(scope, make, _is_truth)
        return found[0] if found else "True"


def _is_truth(values: Value) -> bool:
    return all(type(v) is bool or (isinstance(v, td.Tensor) and tuple(v.shape) == ()) for v in values)


def rng_choice(rng: random.Random) -> Callable[..., Any]:
    return lambda *items: rng.choice(items)


@cache
def _several() -> frozenset[str]:
    """The rows whose samples show several axes at once."""
    return frozenset(name for name, row in samples.table().items() if any("axis=(" in text for text in row["samples"]))
