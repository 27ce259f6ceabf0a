"""What is another between two networks: values of the spec, costs, and keys of the `state_dict`."""
