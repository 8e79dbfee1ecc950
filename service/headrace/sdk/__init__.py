"""All that a provider may import, beside `core` and `headrace_events`; README.md has it on one page."""
