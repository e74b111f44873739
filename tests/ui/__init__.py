"""Tests of what the page shows, without a server."""
