"""The site and its REST API: a song in the browser, its genre out.

The server is one process with an event loop that never decodes: what visitors send is heard by
worker processes with limits on time and memory, and a song that kills one costs nobody else
anything. Nothing is loaded until the server is started; it needs ``pip install 'generify[web]'``.

In it: :func:`~generify.web.app.create_app` makes the application,
:func:`~generify.web.server.serve` runs it, :mod:`~generify.web.settings` says what can be set.
"""
