"""Random programs as Python text, the same for the same seed."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

import tandem as td
from fuzz import arguments
from fuzz.expressions import Expressions
from fuzz.program import Program, define
from fuzz.scalars import scalar_function
from fuzz.scope import Scope, Value, is_number, is_tensor, rank, type_of

INDENT = "    "
IN_PLACE = ("+=", "-=", "*=", "+=", "*=", "/=", "**=", "&=", "|=", "^=", "<<=", ">>=", "@=")


class Writer:
    """Writes the statements of one function."""

    def __init__(self, rng: random.Random, expressions: Expressions, budget: int) -> None:
        self.rng, self.expressions, self.budget = rng, expressions, budget
        self.slots: list[str] = []  # parameters whose types are those of the result
        self.returns_early = False

    def block(self, scope: Scope, depth: int, in_loop: bool, most: int = 3) -> tuple[list[str], bool]:
        """Lines of a block, and whether it ends by a jump."""
        lines: list[str] = []
        for _ in range(self.rng.randint(1, most)):
            if self.budget <= 0:
                break
            self.budget -= 1
            lines += self._statement(scope, depth, in_loop)
        if depth and in_loop and self.rng.random() < 0.12:
            return [*lines, self.rng.choice(["break", "continue"])], True
        if depth and self.slots and self.rng.random() < 0.08:
            self.returns_early = True
            return [*lines, self.typed_return(scope)], True
        return lines or ["pass"], False

    def _statement(self, scope: Scope, depth: int, in_loop: bool) -> list[str]:
        kinds: dict[Any, float] = {
            self._assign: 9,
            self._augmented: 3,
            self._slice_assign: 3,
            self._alias: 1.5,
            self._number: 1.5,
            self._swap: 0.4,
            self._destination: 0.6,
        }
        if depth < 3 and self.budget > 0:
            kinds |= {self._if: 4.5, self._for: 1.8 if depth < 2 else 0.4, self._while: 1.2 if depth < 2 else 0.3}
        kind = self.rng.choices(list(kinds), list(kinds.values()))[0]
        if kind in (self._if, self._for, self._while):
            return kind(scope, depth + 1, in_loop)
        return kind(scope)

    # Simple statements

    def _bind(self, scope: Scope, text: str, letter: str = "t") -> list[str]:
        values = scope.evaluate(text) if text else None
        if values is None:
            return []
        old = [name for name in scope.names() if scope.fits(name, values) and name[0] in (letter, "a")]
        same = [name for name in old if type_of(scope[name]) == type_of(values)]
        if same and self.rng.random() < 0.45:
            name = self.rng.choice(same)
        elif old and self.rng.random() < 0.1:
            name = self.rng.choice(old)
        else:
            name = scope.new_name(letter)
        scope[name] = values
        return [f"{name} = {text}"]

    def _assign(self, scope: Scope) -> list[str]:
        if self.rng.random() < 0.35 and scope.pinned:  # a loop is about values that it carries
            types = {type_of(scope[name]) for name in scope.pinned if is_tensor(scope[name])}
            return self._bind(scope, self.expressions.tensor(scope, 2, lambda v: type_of(v) in types))
        return self._bind(scope, self.expressions.tensor(scope, self.rng.choice([1, 2, 2, 3])))

    def _alias(self, scope: Scope) -> list[str]:
        if self.rng.random() < 0.3:
            return self._bind(scope, self.rng.choice(scope.names(is_tensor)))
        return self._bind(scope, self.expressions.view(scope))

    def _augmented(self, scope: Scope) -> list[str]:
        for _ in range(6):
            name = self.rng.choice(scope.names(is_tensor))
            value = self.expressions.number(scope) if self.rng.random() < 0.4 else self.expressions.tensor(scope, 1)
            line = f"{name} {self.rng.choice(IN_PLACE)} {value}"
            before = type_of(scope[name])
            if scope.evaluate(value) is not None and scope.execute(line) and type_of(scope[name]) == before:
                return [line]
        return []

    def _slice_assign(self, scope: Scope) -> list[str]:
        for _ in range(8):
            name = self.rng.choice(scope.names(is_tensor))
            value = self.expressions.number(scope) if self.rng.random() < 0.4 else self.expressions.tensor(scope, 1)
            operator = "=" if self.rng.random() < 0.6 else self.rng.choice(IN_PLACE[:6])
            line = f"{name}[{self.expressions.key(scope, name)}] {operator} {value}"
            if scope.evaluate(value) is not None and scope.execute(line):
                return [line]
        return []

    def _number(self, scope: Scope) -> list[str]:
        text = self.expressions.number(scope)
        values = scope.evaluate(text)
        return self._bind(scope, text, "n") if values is not None and is_number(values) else []

    def _swap(self, scope: Scope) -> list[str]:
        for _ in range(4):
            one, other = self.rng.choice(scope.names(is_tensor)), self.rng.choice(scope.names(is_tensor))
            if one != other and type_of(scope[one]) == type_of(scope[other]):
                scope[one], scope[other] = scope[other], scope[one]
                return [f"{one}, {other} = {other}, {one}"]
        return []

    def _destination(self, scope: Scope) -> list[str]:
        """A buffer of zeros, to be written into."""
        name = self.rng.choice(scope.names(is_tensor))
        return self._bind(scope, f"td.{self.rng.choice(['zeros_like', 'ones_like'])}({name})")

    # Control flow

    def _if(self, scope: Scope, depth: int, in_loop: bool) -> list[str]:
        tests = [self.expressions.condition(scope) for _ in range(self.rng.choice([1, 1, 1, 2]))]
        lines: list[str] = []
        ends: list[Scope] = []
        for k, test in enumerate([*tests, None]):
            branch = scope.fork()
            branch.fresh = max([scope.fresh, *(end.fresh for end in ends)])
            scope.fresh = branch.fresh
            if test is None and self.rng.random() < 0.4:
                ends.append(branch)
                break
            body, jumped = self.block(branch, depth, in_loop)
            scope.fresh = branch.fresh
            if test is not None or body != ["pass"]:
                lines += ["else:" if test is None else f"{'elif' if k else 'if'} {test}:", *(INDENT + x for x in body)]
            if not jumped:
                ends.append(branch)
        if ends:
            scope.merge(ends, lambda: self.rng.random() < 0.02)
        return lines

    def _for(self, scope: Scope, depth: int, in_loop: bool) -> list[str]:
        rng = self.rng
        sized = scope.names(lambda v: is_tensor(v) and rank(v) > 0 and all(0 < x.shape[0] < 12 for x in v))
        kind = rng.choice(["range", "range", "range", "size", "rows", "enumerate", "collect", "collect", "record"])
        rows = rng.choice(sized) if sized else ""
        header = f"range({rng.choice(['2', '3', '4', '9', '1, 4', '5, 0, -2', '0'])})"
        like = rng.choice(scope.names(is_tensor)) if kind == "record" else ""
        buffer = self._bind(scope, f"td.stack([{like}] * 12)") if like else []
        with scope.loop() as inner:
            item = inner.new_name("i")
            target, first = item, "0"
            if kind == "size" and rows:
                header = f"range({rows}.shape[0])"
            elif kind == "rows" and rows:
                header, first = rows, f"{rows}[0]"
                item = target = inner.new_name("t")
            elif kind == "enumerate" and rows:
                row = inner.new_name("t")
                header, target = f"enumerate({rows})", f"{item}, {row}"
                inner[row] = tuple(value[0] for value in inner[rows])
            values = inner.evaluate(first)
            if values is None:
                return []
            inner[item] = values
            inner.pinned |= {item: type_of(inner[item])}
            body, jumped = self.block(inner, depth, True)
            if buffer:
                body = [*body, *self._records(inner, buffer[0].split()[0], item, type_of(inner[like]))]
            collected = self.expressions.tensor(inner, 1) if kind == "collect" and not jumped else ""
            values = inner.evaluate(collected) if collected else None
        if values is None or "range(0)" in header:
            return [*buffer, f"for {target} in {header}:", *(INDENT + x for x in body)]
        parts, count = scope.new_name("p"), len(eval(header))
        stacked = scope.new_name()
        if not _jumps(body):
            scope[stacked] = tuple(td.stack([value] * count) for value in values)
        body = [*body, f"{parts}.append({collected})"]
        return [
            f"{parts} = []",
            f"for {target} in {header}:",
            *(INDENT + x for x in body),
            # A `continue` or `break` may leave fewer parts: stack copes with any number but none.
            *([f"{stacked} = td.stack({parts})"] if not _jumps(body) else []),
        ]

    def _records(self, scope: Scope, buffer: str, item: str, like: tuple[Any, ...]) -> list[str]:
        """Writes to the next place of a buffer of twelve."""
        lines = []
        for _ in range(self.rng.choice([1, 1, 2])):
            value = self.expressions.tensor(scope, 1, lambda v: type_of(v) == like)
            at = self.rng.choice([item, item, f"{item} + 1", f"9 - {item}"])
            parts = ["", "", ", ..., :1", ", ..., ::2"] if rank(scope[buffer]) > 1 else [""]
            part = self.rng.choice(parts)
            before = self.rng.choice(["", "", f" + {buffer}[{at} - 1]", f" * {buffer}[{at} - 2]", f" - {buffer}[{at}]"])
            value = f"({value}){before}" if value and before else value
            line = f"{buffer}[{at}{part}] = {f'({value})[{part[2:]}]' if part else value}"
            if value and scope.evaluate(value) is not None and scope.execute(line):
                lines.append(line)
        return lines

    def _while(self, scope: Scope, depth: int, in_loop: bool) -> list[str]:
        fuel = scope.new_name("f")
        scope[fuel] = tuple(0 for _ in scope.worlds)
        with scope.loop() as inner:
            test = self.expressions.condition(inner)
            body, _ = self.block(inner, depth, True)
        most = self.rng.choice([2, 3, 5, 9])
        scope.remove(fuel)
        return [
            f"{fuel} = {most}",
            f"while {fuel} > 0 and {test}:",
            # Spent first, so that `continue` cannot skip it.
            f"{INDENT}{fuel} -= 1",
            *(INDENT + x for x in body),
        ]

    # Results

    def typed_return(self, scope: Scope) -> str:
        """A return of the types that the program always returns."""
        texts = []
        for slot in self.slots:
            wanted = scope.pinned.get(slot) or type_of(scope[slot])
            texts.append(self.expressions.tensor(scope, 1, lambda v, wanted=wanted: type_of(v) == wanted) or slot)
        return f"return {', '.join(texts)}"

    def last_return(self, scope: Scope) -> str:
        if self.returns_early:
            return self.typed_return(scope)
        names = scope.names(lambda v: is_tensor(v) or is_number(v))
        made = [name for name in names if name[0] != "a"] or names
        # What is not returned is dead code: mostly, everything that was made is.
        picked = made if self.rng.random() < 0.6 else self.rng.sample(names, min(len(names), self.rng.randint(1, 4)))
        return f"return {', '.join(picked)}"


def _jumps(lines: list[str]) -> bool:
    return any(line.strip() in ("break", "continue") for line in lines)


def _helper(rng: random.Random, name: str, given: tuple[Value, Value]) -> tuple[str, Any]:
    """A function of two arguments of these types, which may write into them."""
    scope = _scope([{"x": a, "y": b} for a, b in zip(*given, strict=True)], {})
    writer = Writer(rng, Expressions(rng), rng.randint(1, 3))
    writer.slots = ["x"]
    scope.pinned["x"] = type_of(scope["x"])
    body, _ = writer.block(scope, 1, False)
    if not body[-1].startswith("return"):
        body.append(writer.typed_return(scope))
    source = "\n".join([f"def {name}(x, y):", *(INDENT + line for line in body)])
    defined: dict[str, Any] = {"td": td}
    exec(source, defined)
    return source, defined[name]


def _scope(worlds: list[dict[str, Any]], shared: dict[str, Any]) -> Scope:
    return Scope(worlds, {"td": td, "__builtins__": __builtins__, **shared})


def generate(seed: int) -> Program:
    """The program of a seed."""
    rng = random.Random(seed)
    with np.errstate(all="ignore"):
        return _generate(rng)


def _generate(rng: random.Random) -> Program:
    wanted = arguments.parameters(rng, 0, rng.choice([1, 2, 2, 3, 3, 4]))
    small, other = arguments.draw_sizes(rng, False), arguments.draw_sizes(rng, False)
    fixed = {p.name: arguments.scalar(rng) for p in wanted if p.shape is None}
    share = rng.random() < 0.02
    calls = [arguments.call(rng, wanted, sizes, fixed, share) for sizes in (small, small, other)]
    if rng.random() < 0.5:
        calls.append(arguments.call(rng, wanted, arguments.draw_sizes(rng, True), fixed, False))
    worlds = [dict(zip((p.name for p in wanted), eval(call, {"td": td}), strict=True)) for call in (calls[0], calls[2])]
    scope = _scope(worlds, {})
    sources, helpers = [], {}
    if rng.random() < 0.35:
        tensors = scope.names(is_tensor)
        source, function = _helper(rng, "helper", (scope[rng.choice(tensors)], scope[rng.choice(tensors)]))
        sources.append(source)
        helpers["helper"] = function
    if rng.random() < 0.2:
        sources.append(scalar_function(rng, "scalars"))
        helpers["scalars"] = define(Program("import tandem as td\n\n\n" + sources[-1], []), "scalars")
    scope = _scope(worlds, helpers)
    writer = Writer(rng, Expressions(rng, list(helpers)), rng.randint(3, 11))
    tensors = scope.names(is_tensor)
    writer.slots = rng.sample(tensors, min(len(tensors), rng.randint(1, 2)))
    for slot in writer.slots:
        scope.pinned[slot] = type_of(scope[slot])
    lines: list[str] = []
    while writer.budget > 0:
        body, _ = writer.block(scope, 0, False)
        lines += [line for line in body if line != "pass"]
    lines.append(writer.last_return(scope))
    names = ", ".join(p.name for p in wanted)
    sources.append("\n".join([f"def program({names}):", *(INDENT + line for line in lines)]))
    options = "dynamic=True" if rng.random() < 0.08 else ""
    return Program("\n\n\n".join(sources) + "\n", calls, options)
