"""Public networks, re-stated in plain torch from their papers and from a reading of their code.

They are oracles: nothing here imports the compiler, so that a network said in a spec can be
compared with one that was written without it. Every module runs under `torch.fx.symbolic_trace`,
and has no parameter that it does not use.
"""
