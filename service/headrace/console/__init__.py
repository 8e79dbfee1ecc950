"""The page on which people see what flows, what is wrong, and one event with all that made it: `headrace console`."""
