"""Stores: durable rows under the engine. `sqlite` is imported by whoever opens one, because its guest is heavy."""
