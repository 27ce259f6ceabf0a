"""The records of built-in operators, a family each."""
