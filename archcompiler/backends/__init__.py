"""What networks are compiled to: for each framework, how operators are printed and recognised."""
