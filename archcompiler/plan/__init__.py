"""What a training run asks of its machines: memory moment by moment, time by the roofline."""
