"""For whoever works on recipes and steps: what is missing, whether a step keeps its promises, making a pack."""
