"""The whole product without a screen: asyncio, typed requests and results, no Qt."""
