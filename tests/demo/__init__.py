"""The demo: a seeded story of three providers, played through the real program on the embedded broker."""
