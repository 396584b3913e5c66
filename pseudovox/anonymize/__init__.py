"""Pseudo-speakers and signal-processing anonymizers."""
