"""Temper: blueprints, proved before they run."""
