"""Classmark on a Ray cluster: a server a node, or inside replicas; and files by Ray Data."""
