"""Tables: strict reading with messages that name the row, large tables in blocks, and expressions that choose rows."""

TEXT = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t", ".psv": "|"}  # suffix -> the likeliest separator
PARQUET = (".parquet", ".pq")
EXCEL = (".xlsx", ".xlsm")
JSON_LINES = (".jsonl", ".ndjson")
TRANSCRIPTS = (".srt", ".vtt", ".textgrid")
SUFFIXES = (*TEXT, *PARQUET, *EXCEL, *JSON_LINES, ".json", *TRANSCRIPTS)
