import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { readSvd } from './svd-fixture.js';

/** Registers and fields of each peripheral. */
type Counts = Record<string, { registers: number; fields: number; values: number }>;

/**
 * What a walk over the tags counts, without any of the reader's code: each register as often as the arrays around it say, each field as
 * often as its register and its own list say; a peripheral that is derived and says nothing has what its base has.
 */
function countByTags(xml: string): Counts {
  const counts: Counts = {};
  const bases: Record<string, string> = {};
  const stack: { tag: string; dim: number; name?: string; base?: string | undefined }[] = [];
  const times = (): number =>
    stack.reduce((product, { tag, dim }) => (tag === 'peripheral' ? product : product * dim), 1);
  const peripheral = (): { registers: number; fields: number; values: number } => {
    const name = stack.find(({ tag }) => tag === 'peripheral')?.name ?? assert.fail('no peripheral is open');
    return (counts[name] ??= { registers: 0, fields: 0, values: 0 });
  };
  const bare = xml.replaceAll(/<!--[^]*?-->/g, '');
  for (const [, close, tag = '', attributes = '', empty, text = ''] of bare.matchAll(
    /<(\/?)(\w+)([^>]*?)(\/?)>([^<]*)/g,
  )) {
    const top = stack.at(-1);
    if (close === '/') {
      if (tag === 'register') peripheral().registers += times();
      if (tag === 'field') peripheral().fields += times();
      if (tag === 'enumeratedValue') peripheral().values += times();
      if (tag === 'peripheral' && top?.base !== undefined && top.name !== undefined) bases[top.name] = top.base;
      stack.pop();
      continue;
    }
    // dim and name come before anything that they count.
    if (tag === 'dim' && top !== undefined) top.dim = Number(text);
    if (tag === 'name' && top !== undefined) top.name ??= text;
    if (empty !== '/') stack.push({ tag, dim: 1, base: /derivedFrom="([^"]*)"/.exec(attributes)?.[1] });
  }
  for (const [name, base] of Object.entries(bases)) counts[name] ??= counts[base] ?? assert.fail(base);
  return counts;
}

for (const [file, total] of [
  ['nrf52840', { peripherals: 73, registers: 2140, fields: 5947 }],
  ['fu540', { peripherals: 4, registers: 25, fields: 67 }],
] as const) {
  test(`${file}.svd: peripherals, registers, fields and values are as many as its tags say`, () => {
    const xml = gunzipSync(readFileSync(`test/fixtures/svd/${file}.svd.gz`)).toString();
    const { device, registers, problems } = readSvd(xml);
    assert.deepEqual(problems, []);
    const counts: Counts = {};
    for (const { name } of device.peripherals) {
      const all = registers.get(name) ?? [];
      const fields = all.flatMap((register) => register.fields);
      counts[name] = {
        registers: all.length,
        fields: fields.length,
        values: fields.flatMap(({ values }) => values).length,
      };
    }
    assert.deepEqual(counts, countByTags(xml));
    const sum = (of: 'registers' | 'fields'): number => Object.values(counts).reduce((all, each) => all + each[of], 0);
    assert.deepEqual(
      { peripherals: device.peripherals.length, registers: sum('registers'), fields: sum('fields') },
      total,
    );
  });
}

test('nrf52840.svd: registers are where the product specification has them', () => {
  const { registers, device } = readSvd(gunzipSync(readFileSync('test/fixtures/svd/nrf52840.svd.gz')).toString());
  const at = (peripheral: string, path: string): string => {
    const base = device.peripherals.find(({ name }) => name === peripheral)?.address ?? 0;
    const register = registers.get(peripheral)?.find((each) => each.path === path);
    return `0x${(base + (register?.offset ?? Number.NaN)).toString(16)} ${register?.access} ${register?.readEffect ?? ''}`.trim();
  };
  assert.equal(at('FICR', 'DEVICEID[1]'), '0x10000064 ro');
  assert.equal(at('UARTE0', 'PSEL.TXD'), '0x4000250c rw');
  assert.equal(at('P1', 'PIN_CNF[31]'), '0x50000a7c rw');
  assert.equal(at('UART0', 'RXD'), '0x40002518 ro external');
  const [field] =
    registers
      .get('P0')
      ?.find(({ path }) => path === 'PIN_CNF[0]')
      ?.fields.filter(({ name }) => name === 'PULL') ?? [];
  assert.deepEqual(
    field?.values.map(({ name, from }) => `${name} ${from}`),
    ['Disabled 0', 'Pulldown 1', 'Pullup 3'],
  );
});
