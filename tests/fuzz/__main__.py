"""`./dev fuzz --minutes N`: random programs until the time is over; fails when two modes differ."""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import warnings

import tandem as td
from fuzz.campaign import MOST_REFUSED, campaign
from fuzz.generate import generate
from fuzz.modes import Modes


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, help="of the first program; a random one if left out")
    parser.add_argument("--programs", type=int, help="stop after so many")
    parser.add_argument("--show", action="store_true", help="print the program of --seed and stop")
    options = parser.parse_args()
    first = options.seed if options.seed is not None else random.SystemRandom().randrange(2**31)
    warnings.simplefilter("ignore", RuntimeWarning)
    if options.show:
        print(generate(first).text())
        return 0
    print(f"seeds from {first}", flush=True)
    td.set_num_threads(1)
    seeds = itertools.islice(itertools.count(first), options.programs)
    with Modes(isolated=True) as modes:
        report = campaign(modes, seeds, options.minutes * 60)
    print(report)
    if report.share_refused > MOST_REFUSED:
        print(f"more than {MOST_REFUSED:.0%} of the programs were refused")
    return int(bool(report.findings) or report.share_refused > MOST_REFUSED)


if __name__ == "__main__":
    sys.exit(main())
