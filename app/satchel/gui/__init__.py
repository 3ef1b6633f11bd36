"""The window. Qt only: no network and no file formats; everything goes through the engine (`engine_bridge`).

Rules: slots are plain functions and `spawn` what waits; nothing calls `exec()`; nothing slow runs on the event loop;
what is needed only after the first paint is imported after it.
"""
