"""MISA (Hazarika et al. 2020)."""
