"""Data dirs, archives, audio and features: reading, checking and writing them."""
