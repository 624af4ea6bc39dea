"""The health of a dataset, and the songs that it holds more than once.

Every file is heard from start to end, in threads; what was heard is kept in the cache, so an
interrupted run goes on where it was.

In it: :func:`verify_dataset`, :class:`VerificationReport`, :class:`Finding`, :data:`KINDS`;
:func:`find_duplicates`, :class:`DuplicateReport`, :class:`Double`.
"""

from generify.verification.checking import verify_dataset
from generify.verification.doubles import Double, DuplicateReport, find_duplicates
from generify.verification.findings import KINDS, Finding, VerificationReport

__all__ = [
    "KINDS",
    "Double",
    "DuplicateReport",
    "Finding",
    "VerificationReport",
    "find_duplicates",
    "verify_dataset",
]
