"""What a system is put together from: F0, content, embeddings, PLDA, synthesis, recognition."""
