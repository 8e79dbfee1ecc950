"""One folder a provider; `base` is the contract, `discover` finds the folders."""
