"""Measurements: ``bench.fast_path`` (throughput beside others), ``bench.profile_path``, ``bench.memory``."""
