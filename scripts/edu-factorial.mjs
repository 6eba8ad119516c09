// The JavaScript API on QEMU's edu device: every factorial that fits 32 bits, computed by the device and checked.
//   vfiodbg -x scripts/edu-factorial.mjs sim:edu
//   vfiodbg --tap -x scripts/edu-factorial.mjs 0000:00:04.0

const FACTORIAL = 0x08;
const STATUS = 0x20;
const COMPUTING = 1n;

/** @param {import('vfiodbg/script').ScriptTools} tools */
export async function run({ device, expect, echo }) {
  const regs = device.region('region0');
  let expected = 1;
  for (let n = 1; n <= 12; n += 1) {
    expected *= n;
    regs.write32(FACTORIAL, n);
    const done = regs.poll(32, STATUS, { mask: COMPUTING, want: 0n, iterations: 100_000 });
    await expect(done.matched, `${n}! is computed`);
    const result = regs.read32(FACTORIAL);
    await expect(result === expected, `${n}! is ${expected}`);
    await echo(`${String(n).padStart(2)}! = ${result}`);
  }
}
