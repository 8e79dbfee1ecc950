"""What every poller needs and no provider: budgets, waiting, the HTTP client, cursors, and whose turn it is."""
