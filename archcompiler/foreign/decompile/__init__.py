"""From a traced network back to a spec: the shortest that is found, and proved."""
