"""Where studies live: the one floor that knows SQL.

Rows turn into domain values here and nowhere else, and driver errors are
renamed here, never above. The store is synchronous; ``storage`` is the door
through which the serving process calls it from a few threads.
"""
