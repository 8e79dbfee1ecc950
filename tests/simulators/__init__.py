"""The three platforms as servers on loopback: their polling APIs over an invented history, behaving badly on demand.

    history = leadping.History(seed=7, events=10_000)
    async with leadping.Simulator(history, clock=Clock(history.begin)) as platform:
        file.write_text(senders.toml(sender, **platform.tenant(), leads=history.leads))
        platform.faults.next(3, "429")            # the next three answers, whatever is asked
        platform.conduct.max_page = 25            # how it behaves from now on
        platform.clock.advance(3600)              # what comes within the hour, comes
    ...
    assert not history.ledger.complaints(found, platform.clock.now)   # `found_of` each event
    assert platform.quota.exceeded == 0           # no 429 but those that were asked for

Shared: `Clock`, `History` and `Ledger`, `Faults`, `Quota`, and the `Simulator` that they make up. A folder for each
platform has its own `History` (what it tells of an activity), `Conduct` (what it does where the documentation leaves it
open, or where it is known to misbehave) and `Simulator` (endpoints, credentials, errors). `hooks` sends the same
activities as signed webhooks. `python -m tests.simulators` serves all three, with a control endpoint.

Nothing in `service/` imports this, and no platform imports the program (the schema of its events, which everybody may
have, is all): what both know of the platforms, they know apart from each other.
"""
