"""Measurements on a frozen simulation, and the numbers and pictures made from them."""
