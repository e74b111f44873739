"""The Hugging Face Hub: names of checkpoints there, fetching, publishing, model cards."""
