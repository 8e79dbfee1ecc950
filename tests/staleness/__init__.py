"""How stale events are on a virtual clock, and what plays it."""
