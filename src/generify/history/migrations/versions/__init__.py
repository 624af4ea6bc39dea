"""One module a revision. A revision that was ever released is never changed."""
