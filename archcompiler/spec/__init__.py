"""From files and settings to one validated, frozen spec that knows where each value came from."""
