"""Pure and small: mapping tables, problems, times, units. Nothing here does I/O or looks at a clock."""
