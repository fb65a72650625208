"""Programs written for Keras, run cell by cell in Keras and with the import changed to `nn`."""
