"""`torchrun … -m archcompiler.runner SPEC --recipe RECIPE`: the same as `archcompiler train`."""

from archcompiler.cli import main

if __name__ == "__main__":
    main("train")
