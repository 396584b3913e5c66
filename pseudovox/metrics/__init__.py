"""Metrics as pure functions: arrays in, numbers out, each with its definition."""
