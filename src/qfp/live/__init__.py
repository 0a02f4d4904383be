"""The wire that a reader moves in a static page: exact physics, computed by the browser.

Python only makes the data (qfp.live.data) and writes the page (qfp.live.page); the solver, in C for
WebAssembly and once more in plain JavaScript, and all that a reader sees lie in web/.
"""
