"""The export service: `/deriva/export`, as deriva.web answers it.

A job runs deriva-py's own `GenericDownloader`, as deriva.web does, so that a spec means here what it means there. It
runs in a process of its own behind a guard: bagging changes the working folder of a process, and specs are untrusted.
"""
