"""`python -m edgemesh_gateway`: run the gateway until it is told to stop."""

from edgemesh_gateway.service import serve
from edgemesh_gateway.settings import GatewaySettings
from mesh_service import server

if __name__ == "__main__":
    server.run(GatewaySettings, serve)
