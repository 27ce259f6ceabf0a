"""How a network is trained: the recipe, its choices, its reading. Imports no framework."""
