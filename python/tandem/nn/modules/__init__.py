"""The modules of td.nn, by family."""
