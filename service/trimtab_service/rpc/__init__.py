"""The RPC edge: the only floor that knows protobuf and gRPC.

Every handler has the same four beats: check the request, call the use case,
let the one table translate what it raises, answer.
"""
