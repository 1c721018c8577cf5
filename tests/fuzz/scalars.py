"""Random functions of numbers, for td.vectorize."""

from __future__ import annotations

import random

INDENT = "    "
FLOATS = ("float32", "float32", "float64", "float16")
INTEGERS = ("int32", "int64", "uint8")
FUNCTIONS = ("td.abs", "td.sin", "td.exp", "td.sqrt", "td.floor", "td.tanh")


class Scalars:
    """Writes a function of two numbers, all of whose variables have one dtype."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.dtype = rng.choice(FLOATS + INTEGERS)
        self.floats = self.dtype in FLOATS
        self.names = ["x", "y"]
        self.budget = rng.randint(2, 8)
        self.fuels = 0

    def function(self, name: str) -> str:
        lines = [f"{v} = {v}.astype(td.{self.dtype})" for v in self.names]
        lines += ["s = x * 0"]
        self.names.append("s")
        while self.budget > 0:
            lines += self.block(0, "")
        lines.append(f"return {self.rng.choice(['x', 'y', 's', self.expression(1)])}")
        return "\n".join(["@td.vectorize", f"def {name}(x, y):", *(INDENT + line for line in lines)])

    def block(self, depth: int, loop: str) -> list[str]:
        lines: list[str] = []
        for _ in range(self.rng.randint(1, 3)):
            if self.budget <= 0:
                break
            self.budget -= 1
            lines += self.statement(depth, loop)
        if loop and self.rng.random() < 0.25:
            lines += [f"if {self.condition()}:", INDENT + self.rng.choice(["break", "break", "continue"])]
        if depth and self.rng.random() < 0.1:
            lines += [f"if {self.condition()}:", f"{INDENT}return {self.rng.choice(self.names)}"]
        return lines or ["pass"]

    def statement(self, depth: int, loop: str) -> list[str]:
        rng = self.rng
        kind = rng.choice(["assign", "assign", "augmented", "if", "while", "while", "for"] if depth < 3 else ["assign"])
        name = rng.choice(self.names)
        if kind == "assign":
            return [f"{name} = {self.expression(2)}"]
        if kind == "augmented":
            # Not in place: a number may have other names.
            return [f"{name} = {name} {rng.choice(['+', '-', '*'])} {self.expression(1)}"]
        if kind == "if":
            lines = [f"if {self.condition()}:", *(INDENT + x for x in self.block(depth + 1, loop))]
            if rng.random() < 0.6:
                lines += ["else:", *(INDENT + x for x in self.block(depth + 1, loop))]
            return lines
        if kind == "for":
            count = rng.choice(["2", "3", "9", "20"])
            return [f"for _ in range({count}):", *(INDENT + x for x in self.block(depth + 1, "for"))]
        self.fuels += 1
        fuel = f"f{self.fuels}"
        start = rng.choice(["3", "7", "20"])
        return [
            f"{fuel} = {start}",
            f"while {fuel} > 0 and {self.condition()}:",
            f"{INDENT}{fuel} -= 1",
            *(INDENT + x for x in self.block(depth + 1, "while")),
        ]

    def expression(self, depth: int) -> str:
        rng = self.rng
        if depth == 0 or rng.random() < 0.2:
            return rng.choice(self.names) if rng.random() < 0.7 else self.number()
        a = self.expression(depth - 1)
        kind = rng.choice(["binary", "binary", "binary", "function", "where", "ternary", "least"])
        if kind == "function" and self.floats:
            return f"{rng.choice(FUNCTIONS)}({rng.choice(self.names)} + {a})"
        # The variable says the dtype: numbers alone would be numbers.
        b = rng.choice(self.names)
        if kind == "where":
            return f"td.where({self.condition()}, {b}, {a})"
        if kind == "ternary":
            return f"({b} if {self.condition()} else {rng.choice(self.names)})"
        if kind == "least":
            return f"td.{rng.choice(['minimum', 'maximum'])}({b}, {a})"
        if not self.floats and rng.random() < 0.4:
            return f"({b} {rng.choice(['//', '%'])} {rng.choice(['2', '3', '7'])})"
        return f"({b} {rng.choice(['+', '-', '*', '/'] if self.floats else ['+', '-', '*', '&', '|', '^'])} {a})"

    def number(self) -> str:
        return self.rng.choice(["0.5", "2.0", "-1.25", "3"] if self.floats else ["0", "1", "3", "7"])

    def condition(self) -> str:
        rng = self.rng
        test = f"{rng.choice(self.names)} {rng.choice(['<', '<=', '>', '!='])} {self.expression(1)}"
        kind = rng.random()
        if kind < 0.15:
            return f"({test}) {rng.choice(['&', '|'])} ({rng.choice(self.names)} > {self.number()})"
        if kind < 0.2:
            return f"not {test}"
        return test


def scalar_function(rng: random.Random, name: str) -> str:
    """The text of a function of two numbers that td.vectorize maps."""
    return Scalars(rng).function(name)
