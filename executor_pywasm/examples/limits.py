"""Every limit ends a program with an outcome of its own, and the next one runs."""

from edgemesh_sandbox import Limits, Sandbox

MIB = 1 << 20
CASES = {
    "run time": ("while True: pass", Limits(run_time_ms=200)),
    "run time, asleep": ("import time; time.sleep(60)", Limits(run_time_ms=200)),
    "processor time": ("while True: pass", Limits(cpu_ms=100)),
    "memory": ("x = []\nwhile True: x.append(bytes(1 << 20))", Limits(memory_bytes=32 * MIB)),
    "output": ("while True: print('x' * 1000)", Limits(output_bytes=64 << 10)),
    "files": ("open('/tmp/x', 'wb').write(bytes(9 << 20))", Limits(files_bytes=MIB)),
    "calls": ("from edgemesh import tools\nwhile True: tools.tick()", Limits(calls=3)),
    "recursion": ("def f(): return f()\nf()", Limits()),
    "none": ("output = 'well'", Limits()),
}

with Sandbox(tools={"tick": lambda: None}) as sandbox:
    for name, (program, limits) in CASES.items():
        result = sandbox.run(program, limits=limits)
        why = f"{result.failure.type}: {result.failure.message}" if result.failure else ""
        print(f"{name:<17} {result.outcome.name:<13} {result.run_s:5.2f} s  {why or result.result}")
