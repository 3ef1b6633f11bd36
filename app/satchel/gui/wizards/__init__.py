"""The wizards' screens. What they may do and check is decided in `satchel.core.flows`; here it is only shown."""
