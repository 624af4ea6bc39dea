"""Damaged and hostile files of every kind, and what Generify makes of them.

``python -m fuzz songs`` damages songs of every format and has ``generify scan`` listen to them;
``python -m fuzz data`` does the same with everything else that is read (models, tables, lists,
caches, results, requests); ``python -m fuzz traps`` goes through songs that are odd in one known
way each. All of it follows from a seed.

In it: ``seeds`` (short songs of every format), ``mutations`` (what is done to them), ``songs`` (the
driver for scans), ``targets`` and ``cases`` (all other files), ``traps`` (the table of odd songs),
``page`` (the figures in ``docs/robustness.md``).
"""
