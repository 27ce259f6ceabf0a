"""Graph → folded view → panels with coordinates → SVG, PNG, PDF, DOT, JSON, HTML and TikZ.

`folding` finds what repeats in the scope tree, the modules in `panels` lay one thing out each, `page`
composes panels, and every output format prints the same panels. Nothing here imports torch.
"""
