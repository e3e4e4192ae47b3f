"""Measurements: ``python -m bench`` runs all sections; ``bench.profile`` tells where the time goes."""
