"""Graph → folded view → panels with coordinates → SVG, PNG, PDF, DOT, JSON, HTML and TikZ.

`folding` finds what repeats in the scope tree; `overview`, `module`, `scope` and `legend` lay out
one panel each; `page` composes them; every output format prints the same panels.
"""
