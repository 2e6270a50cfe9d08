"""The affective-manifold paper: its experiments on open data, beside its published figures."""
