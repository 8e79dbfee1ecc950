"""Raw records become canonical events, once each."""
