"""What all tests share."""

pytest_plugins = ["kafka.plugin"]
