"""What a run leaves on disk, written whole or not at all, and how it is found again."""
