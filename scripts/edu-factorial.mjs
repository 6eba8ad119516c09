// The JavaScript API on QEMU's edu device: every factorial that fits 32 bits, computed by the device and checked.
//   vfiodbg -x scripts/edu-factorial.mjs sim:edu
//   vfiodbg -x scripts/edu-factorial.mjs 0000:00:04.0

const FACTORIAL = 0x08;
const STATUS = 0x20;
const COMPUTING = 1n;

/** @param {{ device: import('vfiodbg').Device }} given */
export async function run({ device }) {
  const regs = device.region('region0');
  let expected = 1;
  for (let n = 1; n <= 12; n += 1) {
    expected *= n;
    regs.write32(FACTORIAL, n);
    const done = regs.poll(32, STATUS, { mask: COMPUTING, want: 0n, iterations: 100_000 });
    if (!done.matched) throw new Error(`${n}! is still being computed`);
    const result = regs.read32(FACTORIAL);
    if (result !== expected) throw new Error(`${n}! came out as ${result}, not ${expected}`);
    console.log(`${String(n).padStart(2)}! = ${result}`);
  }
}
