"""How LeadSquared is called, and what becomes of its answers."""

import pytest

from headrace.sdk.faults import Denied, Fault, Gone, NoRoute, Rejected, Throttled, TooHeavy, Unavailable
from headrace.sdk.feed import Answer, Call
from tests.providers.feeds_kit import polled

KEYS = {"access_key": "u$rinvented", "secret_key": "invented-secret"}
CALL = Call(path="/v2/x", method="POST", query=(("leadId", "1"),))


def error(kind: str, status: str = "Error") -> bytes:
    message = "u$rinvented is no such thing"
    return f'{{"Status":"{status}","ExceptionType":"{kind}","ExceptionMessage":"{message}"}}'.encode()


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (200, b'{"RecordCount":0,"ProspectActivities":[]}', None),
        (200, b'{"Status":"Success"}', None),
        (200, b'[{"ActivityEvent":22}]', None),
        (200, b'[{"ActivityEvent":22}', Unavailable),
        (200, error("MXInvalidInputException"), Rejected),
        (200, error("MXThrottleException"), Throttled),
        (200, error("MXException"), Unavailable),
        (200, b'{"Status":"Error"}', Unavailable),
        (200, b"<html>", Unavailable),
        (200, b'{"RecordCount":', Unavailable),
        (400, b'{"Message":"bad"}', Rejected),
        (401, error("MXAuthenticationFailedException"), Denied),
        (401, b"", Denied),
        (404, b'{"Message":"no method"}', NoRoute),
        (404, b"<html>", NoRoute),
        (404, error("MXLeadNotFoundException"), Gone),
        (400, b"<html>", Unavailable),
        (429, error("MXThrottleException"), Throttled),
        (429, b"", Throttled),
        (500, error("MXInvalidInputException"), Rejected),
        (500, error("MXInvalidDataTypeException"), Rejected),
        (500, error("MXDuplicateEntryException"), Rejected),
        (500, error("MXLeadNotFoundException"), Gone),
        (500, error("MXUnauthorizedException"), Denied),
        (500, error("MXAuthorizationServiceUnavailableException"), Unavailable),
        (503, error("MXServiceUnavailableException"), Unavailable),
        (500, error("MXServiceUnavailableException"), Unavailable),
        (200, error("MXServiceUnavailableException"), Unavailable),
        (500, error("MXTimeoutException"), Unavailable),
        (500, error("MXRequestTimedOutException"), Unavailable),
        (500, error("MXInternalServerErrorException"), Unavailable),
        (500, error("MXDatabaseException"), Unavailable),
        (500, error("MXSqlConnectionException"), Unavailable),
        (500, error("MXServerNotFoundException"), Unavailable),
        (502, error("MXLeadNotFoundException"), Unavailable),
        (500, error("MXSomethingElseException"), Unavailable),
        (500, error("MXRateLimitExceededException"), Throttled),
        (500, error("MXException"), TooHeavy),
        (500, error("Odd: u$rinvented"), TooHeavy),
        (500, b"Something went wrong", TooHeavy),
        (502, b"<html>", Unavailable),
        (503, error("MXException"), Unavailable),
    ],
)
def test_each_answer_has_its_treatment(status: int, body: bytes, fault: type[Fault] | None) -> None:
    """The exception's name decides before the status, and nothing of its message is repeated."""
    _, client, _ = polled("leadsquared", **KEYS)
    found = client.judge(Answer(status, {}, body), 0.0)
    assert type(found) is (fault or type(None))
    assert "u$rinvented" not in str(found)


def test_the_wait_is_read_where_it_is_said() -> None:
    """Whether LeadSquared sends Retry-After is not known: it counts where it is there."""
    _, client, _ = polled("leadsquared", **KEYS)
    fault = client.judge(Answer(429, {"retry-after": "3"}, error("MXThrottleException")), 0.0)
    assert isinstance(fault, Throttled)
    assert fault.wait == 3.0


def test_keys_travel_in_headers_by_default() -> None:
    """Query strings end up in logs; the seed's form with keys in the URL is a setting."""
    _, client, _ = polled("leadsquared", **KEYS)
    call = client.sign(CALL, None)
    assert call.query == CALL.query
    assert dict(call.headers)["x-LSQ-AccessKey"] == "u$rinvented"
    assert dict(call.headers)["x-LSQ-SecretKey"] == "invented-secret"
    _, client, _ = polled("leadsquared", keys_in="url", **KEYS)
    call = client.sign(CALL, None)
    assert call.query == (("leadId", "1"), ("accessKey", "u$rinvented"), ("secretKey", "invented-secret"))
    assert dict(call.headers) == {"Content-Type": "application/json"}
