"""What happens between the first step of a run and the last."""
