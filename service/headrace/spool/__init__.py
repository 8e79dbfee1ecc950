"""The spool: a small durable store on a local disk, where deliveries wait while Kafka is away.

`store` is what others use, `file` the SQLite file behind it, `salvage` reads what is left of a damaged one.
"""

from headrace.spool.file import CannotSpool, SpoolFacts
from headrace.spool.record import Waiting
from headrace.spool.rescue import Damage
from headrace.spool.store import NoRoom, Spool

__all__ = ["CannotSpool", "Damage", "NoRoom", "Spool", "SpoolFacts", "Waiting"]
