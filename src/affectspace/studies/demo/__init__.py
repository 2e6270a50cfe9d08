"""The whole product without any data: drawn faces, synthetic people, and a moment of theirs told from every subset."""
