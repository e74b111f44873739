"""What makes the weights: data, augmentation, objectives, the loop. Never imported by the app."""
