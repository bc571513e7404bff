"""The compiled implementation: connection fields whose kernels, compiled by numba, visit active units only."""
