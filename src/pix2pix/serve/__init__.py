"""The HTTP service: the drawing page, and any model behind an address.

server       the start, the end; sockets: where it listens; log: what is reported
connections  who is silent for too long, reads nothing, or is one too many
app          the routes; before them guard: which hosts and origins are allowed; token: who knows it
uploads/     a request's body -> a picture, within limits, decoded in other processes
parameters   what a request says about its translation
service      a request: admitted, read, translated, answered
workers      pictures -> batches for the network, on as many threads as help
pool         models in memory, the least recently used removed first
answers      a translation -> the bytes that the client accepts
"""
