"""The file of a network: what is measured, scored and handed over.

Nothing is imported here: the writers load torch, and a proof's process, which reads other modules
of this package, must not.
"""
