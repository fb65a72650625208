"""Two models of characters trained here and by PyTorch: from the same weights, on the same batches, step by step."""
