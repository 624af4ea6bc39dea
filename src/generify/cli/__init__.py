"""The command: one file a sub-command, each parses, calls the library once and prints.

Only the sub-command that is asked for is imported beyond its options, so help stays quick.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command with the process's arguments; the entry point of ``generify``."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback before there is an own handler
    from generify.cli.app import run

    run()
