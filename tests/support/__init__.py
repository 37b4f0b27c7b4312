"""Fakes behind the product's own protocols, and real servers, shared by the tests."""
