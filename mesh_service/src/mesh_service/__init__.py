"""What every edgemesh service shares.

Rules: names no executor; depends only on the contracts and the gRPC family. `pool` knows neither
gRPC nor protobuf, `errors` no transport, `translate` alone joins the two.
"""
