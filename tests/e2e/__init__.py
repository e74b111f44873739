"""Visits in a real browser."""
