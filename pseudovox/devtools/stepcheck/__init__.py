"""Does a script keep what a step promises? Tried by running it on the smallest data (utils/check_step.py)."""
