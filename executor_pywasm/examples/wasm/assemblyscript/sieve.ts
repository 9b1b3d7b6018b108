// A library in AssemblyScript: how many primes are below a number.

export function primes(below: u32): u32 {
  const composite = new Uint8Array(below);
  let count: u32 = 0;
  for (let i: u32 = 2; i < below; ++i) {
    if (unchecked(composite[i])) continue;
    ++count;
    for (let j: u64 = u64(i) * i; j < below; j += i) unchecked((composite[u32(j)] = 1));
  }
  return count;
}

// AssemblyScript's own checks end in `env.abort`, which a call must ask for.
export function at(index: i32): i32 {
  const few: i32[] = [2, 3, 5];
  return few[index];
}
