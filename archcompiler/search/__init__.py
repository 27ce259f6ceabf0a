"""Exact search: all specs of a space that no other of it beats, from costs that are sums."""
