"""Example pictures, and the script that makes them."""
