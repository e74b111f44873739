"""Siamese face verification: two photos in, a calibrated probability out."""
