"""One server for all that is tried in this folder."""

import pytest
from runner import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    server = Server(folder)
    yield server
    server.close()
