"""The HTTP service: the drawing page, and any model behind an address.

server     the start, the end; sockets: where it listens
app        the routes; before them guard: which hosts and origins are allowed
uploads    a request's body -> a picture, within limits
service    a request: admitted, read, translated, answered
workers    pictures -> batches for the network, on as many threads as help
pool       models in memory, the least recently used removed first
answers    a translation -> the bytes that the client accepts
"""
