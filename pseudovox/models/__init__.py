"""Networks, and nothing else: a module takes tensors and gives tensors."""
