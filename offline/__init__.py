"""What the offline programs share: labelled files, metrics, and the end of a command."""
