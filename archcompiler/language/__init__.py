"""The language of blocks: expressions, definitions and calls, for lowering and printing alike."""
