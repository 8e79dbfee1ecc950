"""Every byte format on a topic, each with its version byte."""
