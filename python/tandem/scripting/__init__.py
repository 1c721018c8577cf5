"""The `@td.script` rewriter: Python control flow whose condition turns out to be a tensor becomes graph control flow.

A function is rewritten once, as a syntax tree (`transform.py`). Every `if`, `while`, `for`, `and`, `or`, `not`, chained
comparison, ternary and call asks an object of `primitives.py`, `branches.py` or `loops.py` what to do. If the value is
plain Python, the object answers as Python would, and nothing is recorded. If it is a tensor under capture, the object
opens a region of the graph, lets the *same* frame run the branch or the loop body once with the region's values in its
variables, and closes the region:

    if c:                        t1 = If(c, ('y',), ...)
        y = x + 1                if t1.then():
    else:                            y = x + 1
        y = x - 1       --->     if t1.otherwise(locals()):
                                     if t1.restore: (y,) = t1.values()      # the else branch starts from the old state
                                     y = x - 1
                                 if t1.merge(locals()): (y,) = t1.values()  # the results of the graph's `if`

No body becomes a nested function, so there is one frame per user function, `super()`, `del` and closures keep their
meaning, and a debugger steps through the user's own lines. `jumps.py` first turns `break`, `continue` and early
`return` into flags, which then are carried like any other variable.
"""

from tandem.scripting.rewriter import rewrite
from tandem.scripting.state import Undefined

__all__ = ["Undefined", "rewrite"]
