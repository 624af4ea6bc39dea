"""The suite's own parts: what is run, where, on which songs, and what the figures mean."""
