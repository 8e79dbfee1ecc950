"""A Kafka for tests: found, started, watched, hurt on purpose, and ended with the run.

`plugin` holds what tests use (the fixtures `kafka`, `own_kafka`, `cluster`, `prefix`), `find` the order in which a
Kafka is looked for, one module each kind of broker, `proxy` a TCP proxy that loses answers, `client` the few calls that
tests need beside the program's own.

`cluster` is three nodes and what can be done to them: `node` one of them, `addresses` who is reached where, `network`
and `proxies` what lies between them, `ask` how one node sees the others.
"""
