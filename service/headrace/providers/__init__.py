"""One folder a provider; `sdk.provider` is the contract, `discover` finds the folders."""
