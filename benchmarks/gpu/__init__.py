"""What one GPU does: `python -m benchmarks.gpu` measures all of it, part by part."""
