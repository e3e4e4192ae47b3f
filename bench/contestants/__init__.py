"""What the platform is measured against: each module is run in a process of its own (``python -m``)."""
