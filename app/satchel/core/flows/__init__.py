"""The wizards as state machines, without a screen."""
