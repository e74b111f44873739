"""The tabs of the page and what they are made of."""
