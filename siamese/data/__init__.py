"""Pictures to train and evaluate on, and what is known of them."""
