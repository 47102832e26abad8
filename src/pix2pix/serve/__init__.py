"""The HTTP service: the drawing page, and any model behind an address.

run        the socket, the start, the end
app        the routes; guard, before them: who may ask
uploads    a request's body -> a picture, within limits
batching   pictures -> batches for the network, on as many lanes as pay
pool       models in memory, least recently used put out
answers    a translation -> the bytes that the client wants
"""
