"""Exports made by the server: `/deriva/export`, as deriva.web answers it.

The service knows one request: POST a spec, wait without a word until the bag is ready, and be told its address. So the
waiting is done by a process of its own that outlives this one (`waiter`), and what it was told lies in the job's
folder, where a resumed job finds it (`waiting`). Facts: deriva.web 0.9.11, https://github.com/informatics-isi-edu/deriva-web.
"""
