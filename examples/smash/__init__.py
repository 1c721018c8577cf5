"""One-shot architecture search: a network that makes the weights of networks, after Brock et al. (2017), "SMASH".

`python -m examples.smash`; see README.md.
"""
