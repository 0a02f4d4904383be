"""Companion to 'Diffusion model for analyzing quantum fingerprints in conductance fluctuation'."""

__version__ = "0.1.0"
