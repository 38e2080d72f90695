"""Small Sentinel-2 products, written from a description."""
