"""What the page shows, as HTML: answers, photos, numbers. No Gradio events."""
