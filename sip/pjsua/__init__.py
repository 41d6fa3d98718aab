"""The pjsua2 engine behind sip: the only package that imports pjsua2.

One thread owns the library: the reactor's. pjsua2's own thread delivers callbacks, and some callbacks
come synchronously inside an API call on the owner's thread. So a callback copies plain values into a
frozen event, hands it to the reactor, and returns; it acts only where one tick matters and the act
cannot fail in an interesting way (see call.py).
"""

from sip.engine_choice import prefer_chosen_engine

prefer_chosen_engine()  # before any module below imports pjsua2
