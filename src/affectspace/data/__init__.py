"""From a configuration to rows, labels, parts and batches, for images and for vectors."""
