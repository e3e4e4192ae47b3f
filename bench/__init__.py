"""Measurements: ``python -m bench`` runs all sections; ``bench.profile_path`` tells where the time goes."""
