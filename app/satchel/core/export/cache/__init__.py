"""Bags that were made before, kept so that the same export need not be made again.

An entry is named by what makes its bag what it is: `{hash}_{snapshot}`, the hash being that of the normalised spec or
request, the server, the catalog, and who asked (`key`). Entries are plain folders (`store`); several processes share
them under locks of the operating system. Nothing in an entry is believed when it is used: it is read and hashed on its
way out, and a damaged one is removed and made anew.
"""
