"""What may change about a network, and what each change does to it."""
