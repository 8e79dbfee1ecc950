"""The documentation site: Markdown of the repository, and what the code itself says, as HTML. See `pages.py`."""
