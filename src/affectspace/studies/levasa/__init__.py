"""LeVAsa: the members that are trained, their codes, the paper's tables and figures, claims and report."""
