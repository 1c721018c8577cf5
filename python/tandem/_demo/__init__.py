"""The parts of `python -m tandem.demo`: what it computes (network, photograph) and how it looks (terminal)."""
