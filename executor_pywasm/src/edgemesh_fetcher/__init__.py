"""The one way out: fetches what executors and guests, which have no network, may have.

Rules: a process of its own, which its executor's front starts and speaks with by lines of JSON on
stdin and stdout (see `serve`): so it has no port that others could reach, no secret of the mesh's
(its environment is cleared), and ends with its front. It is beside the front and not in it because
it parses what strangers' servers send, and beside the workers because they must stay without a
network. It knows nothing of meshes or sandboxes, so that it can move behind the gateway unchanged.

Every request is held to an allow-list of hosts, limits of bytes and time, and addresses that are
public (`addresses`); a name is resolved once, and what was checked is what is connected to. What is
fetched is kept by its SHA-256 (`store`). Requirements are resolved by uv, in a process that is
confined further (`resolve`).
"""
