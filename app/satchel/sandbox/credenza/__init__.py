"""Signing in as Credenza does it: a device starts, a person confirms in a browser, the device gets a bearer token."""
