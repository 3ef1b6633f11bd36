"""The identifier service: speaks fair_identifiers_client's protocol, for MINIDs that only this sandbox resolves."""
