"""HTTP deliveries become durable: in Kafka or, while it is away, in the spool."""
