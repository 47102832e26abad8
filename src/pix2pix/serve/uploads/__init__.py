"""A request's body -> a picture, within limits of bytes, pixels and time.

limits    of one request; budgets of all together
body      the bytes of the picture: sent as they are, or as the field of a form
picture   refused by what it claims to be, or decoded
decoders  processes that decode, which can be ended; decoder: the program that they run
"""
