"""What people would use instead, and Generify itself: one program each, timed from the inside.

Each runs as ``python -m peers.NAME TASK ARGUMENT…`` in an environment of its own;
:mod:`peers.clock` says how. Imports stand inside the tasks: nothing is loaded that is not needed.
"""
