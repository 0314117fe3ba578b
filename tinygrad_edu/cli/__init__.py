"""What the command line does; `tinygrad_edu.__main__` reads the arguments."""
