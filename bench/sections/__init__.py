"""The parts of ``python -m bench``: each a module with ``measure(quick, say)``, which brings up what it needs."""
