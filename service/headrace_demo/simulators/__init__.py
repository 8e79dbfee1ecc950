"""The three platforms as servers on loopback: their polling APIs over an invented history, behaving badly on demand.

    history = leadping.History(seed=7, events=10_000)
    async with leadping.Simulator(history, clock=Clock(history.begin)) as platform:
        file.write_text(senders.toml(sender, **platform.tenant(), leads=history.leads))
        platform.faults.next(3, "429")            # the next three answers, of whatever endpoint; more in `faults`
        platform.conduct.max_page = 25            # how it behaves from now on
        platform.clock.advance(3600)              # what comes within the hour, comes
    ...
    assert not history.ledger.complaints(found, platform.clock.now)   # `found_of` each event
    assert platform.quota.exceeded == 0           # no 429 but the injected ones

Shared: `Clock`, `History` and `Ledger`, `Faults`, `Quota`, and the `Simulator` that they make up. A folder for each
platform has its own `History` (its payloads of an activity), `Conduct` (what it does where the documentation leaves it
open, or where it is known to misbehave) and `Simulator` (endpoints, credentials, errors). `webhooks` sends the same
activities as signed webhooks. `python -m headrace_demo.simulators` serves all three, with a control endpoint.

Nothing in `headrace` imports this, and no simulator imports the service (only the schema of its events): each side has
its own knowledge of the platforms.
"""
