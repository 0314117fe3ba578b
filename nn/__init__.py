"""Neural networks on the engine: modules, losses, optimizers, data, training."""
