"""What a run stands on: devices, processes, signals, and what can go wrong with them."""
