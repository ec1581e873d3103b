"""What tuning is about: values and their laws.

Standard library only, and everything frozen. No protobuf, no SQL, no arrays:
each of those has one border where its data turns into these types.
"""
