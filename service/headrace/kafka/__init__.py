"""Everything that talks to Kafka: `log` is the only file that imports the client."""
