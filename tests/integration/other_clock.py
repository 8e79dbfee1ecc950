"""The program with a clock that is so many seconds off: `python other_clock.py 3600 run --role normalizer`.

Only what the program asks for the time of day is off, not how time passes: as on a machine whose clock was set wrong.
"""

import sys
import time

_OFF = int(sys.argv.pop(1))
_now, _now_ns = time.time, time.time_ns

time.time = lambda: _now() + _OFF
time.time_ns = lambda: _now_ns() + _OFF * 1_000_000_000

from headrace.cli import main  # noqa: E402 - what it imports shall find the other clock

main()
