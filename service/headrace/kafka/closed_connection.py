"""A write on a closed connection fails as the loss of a connection does, whatever event loop the client runs on.

uvloop raises RuntimeError there, of which aiokafka 0.14.0 knows nothing
(https://github.com/aio-libs/aiokafka/issues/1038): it ended the client's task that renews metadata, and by way of
`close()` the whole process.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError

_WRITES: Final = ("send", "_send_sasl_token")
"""What writes to a connection."""


def heed_closed_connections() -> None:
    """Let all connections of all clients of this process do so. Called once."""
    for name in _WRITES:
        setattr(AIOKafkaConnection, name, _heeding(getattr(AIOKafkaConnection, name)))


def _heeding(write: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(write)
    def heeding(connection: Any, *what: Any, **how: Any) -> Any:
        try:
            return write(connection, *what, **how)
        except KafkaError:  # a RuntimeError, too
            raise
        except RuntimeError as error:
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"the connection to {connection.host}:{connection.port} is closed") from error

    return heeding
