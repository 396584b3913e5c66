"""Training: data modules, Lightning modules, and the one trainer that runs them (fit)."""
