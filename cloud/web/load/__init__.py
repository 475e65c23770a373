"""Pages about load: how points, areas and transformers behave, what they will need, where energy is lost."""
