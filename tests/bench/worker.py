"""Runs a function as Lambda does: imports its module, then answers events, and says how long each took.

    python -P worker.py MODULE

It says so with a line when it is ready. An event is a line of JSON on standard input; its answer is a line
with the nanoseconds that the handler took. It imports nothing that a handler would not have anyway.
"""

import importlib
import json
import os
import sys
import time

# what a handler prints is no answer
sys.stdout = sys.stderr
handler = importlib.import_module(sys.argv[1]).handler
os.write(1, b"ready\n")
for line in sys.stdin:
    event = json.loads(line)
    began = time.perf_counter_ns()
    handler(event, None)
    os.write(1, b"%d\n" % (time.perf_counter_ns() - began))
