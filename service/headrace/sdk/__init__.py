"""All that a provider may import, beside `core`, `observe` and `headrace_events`."""
