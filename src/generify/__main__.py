"""Run the command as ``python -m generify``."""

from generify.cli import main

if __name__ == "__main__":
    main()
