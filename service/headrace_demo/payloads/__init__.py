"""What each provider sends, invented."""
