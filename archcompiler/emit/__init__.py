"""Graph → readable, standalone PyTorch source."""
