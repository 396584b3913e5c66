"""Voice conversion by a hierarchical VQ-VAE to one of its training speakers (models/hle_vqvae.py) as an anonymizer."""
