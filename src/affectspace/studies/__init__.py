"""Each paper's tables and figures, the published figures beside ours."""
