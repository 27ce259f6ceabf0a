"""A trained network as a folder that is complete without this package."""
