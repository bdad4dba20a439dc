"""Second models: an encoder or a user's own model, prepared, calibrated and registered beside the linear model."""
