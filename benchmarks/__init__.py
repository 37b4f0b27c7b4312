"""Measures Classmark beside the machine's limit and its peers. The service never imports it."""
