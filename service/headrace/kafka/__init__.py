"""All that imports the Kafka client, and nothing of the roles."""
