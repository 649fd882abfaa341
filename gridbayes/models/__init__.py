"""Ready models: one file a model, its program and its public call."""
