"""What the README's figures come from: `python -m benchmarks` measures and prints one table."""
