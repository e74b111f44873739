"""The page around the verifier: words, pictures, HTML and what Gradio needs; no measuring here."""
