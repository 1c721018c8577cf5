"""From a short prompt to a text, by way of an outline: hierarchical text generation with a transformer.

`python -m examples.seq2seq train` and `generate`; see README.md.
"""
