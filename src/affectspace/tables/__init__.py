"""CSV and Parquet tables in blocks, expressions that choose rows, and messages that name the row."""
