"""An upgrade and the way back, with the processes of two checkouts under load."""
