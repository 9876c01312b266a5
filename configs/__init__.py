"""Typed settings, one preset a body, and the shipped models."""
