"""WebAssembly modules from other languages: typed functions, programs, what they may import."""

from pathlib import Path

from edgemesh_sandbox import InputError, Limits
from edgemesh_sandbox.modules import ModuleCall, ModuleRunner

WASM = Path(__file__).with_name("wasm")

with ModuleRunner() as runner:
    c = (WASM / "c" / "fft.wasm").read_bytes()
    print("C:", runner.run(c, ModuleCall("gcd", [84, 36])).result)
    slow = runner.run(c, ModuleCall("energy", [65536, 1 << 30]), limits=Limits(run_time_ms=300))
    print("C, for too long:", slow.outcome.name)

    rust = (WASM / "rust" / "words.wasm").read_bytes()
    said = runner.run(rust, ModuleCall(argv=["2"], stdin=b"to be or not to be")).stdout
    print("Rust:", said.split("\n")[:2])

    script = (WASM / "assemblyscript" / "sieve.wasm").read_bytes()
    try:
        runner.run(script, ModuleCall("primes", [100]))
    except InputError as error:
        print("AssemblyScript, refused:", error)
    asked = ModuleCall("primes", [100], host_functions=["env.abort"])
    print("AssemblyScript:", runner.run(script, asked).result)
