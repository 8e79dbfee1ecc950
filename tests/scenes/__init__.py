"""What a platform's trouble does to what is published: real processes, Apache Kafka, time as it is (`make scenes`)."""
