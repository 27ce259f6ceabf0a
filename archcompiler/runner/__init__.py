"""Training of compiled networks. A recipe is checked before torch is imported."""
