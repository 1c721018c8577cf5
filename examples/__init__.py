"""Programs that train something real with Tandem. `pip install tandem-jit[examples]`; each says what else it needs."""
