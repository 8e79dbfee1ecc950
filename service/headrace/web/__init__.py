"""What the receiver says and bears over HTTP: its refusals, and its limits against slow and greedy senders."""
