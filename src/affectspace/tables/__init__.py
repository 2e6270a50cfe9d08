"""Tables: strict reading with messages that name the row, large tables in blocks, and expressions that choose rows."""
