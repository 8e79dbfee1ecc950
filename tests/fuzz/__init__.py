"""Fuzz targets, run by hand: no part of `make test`."""
