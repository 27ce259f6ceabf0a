"""The blocks that come with the compiler, as TOML: units, masks, stems, heads, modules."""
