"""What is measured, how, and the tables of results: `python -m benchmarks NAME`."""
