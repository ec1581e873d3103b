"""The messages of the contract, generated from proto/trimtab/v1. Don't edit: `make proto`."""
