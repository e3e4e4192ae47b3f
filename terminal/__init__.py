"""What runs in the container of the Theta Terminal, the vendor's Java program: it is set up, started, watched, and made
reachable from other containers.

The vendor's terminal answers only the address that called it first (476 to others), so a proxy stands in front of it
whose address is always the loopback's. Only the standard library is used: the image needs Java and Python, no packages.
``python -m terminal`` starts it, ``python -m terminal health`` is the container's health check.
"""
