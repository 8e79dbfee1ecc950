"""The demo: a seeded scenario of three providers, played through the real program on the embedded broker."""
