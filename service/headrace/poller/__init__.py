"""Feeds of the platforms go to raw, then the cursor that covers them is stored."""
