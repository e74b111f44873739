"""What stands around Gradio: the guard, uploads, forgetting."""
