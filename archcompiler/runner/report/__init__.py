"""What a run tells: metrics, curves, a confusion matrix, a bar on a terminal."""
