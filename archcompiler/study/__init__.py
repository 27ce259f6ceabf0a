"""Networks trained by recipes under several seeds, and what their accuracies come to."""
