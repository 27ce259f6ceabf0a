"""`python -m archcompiler`."""

from archcompiler.cli import main

if __name__ == "__main__":
    main()
