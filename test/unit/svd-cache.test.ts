import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { VfioError } from '../../src/vfio/errors.js';
import { withPlainFile } from '../../src/vfio/plain-file.js';
import type { Sketch } from '../../src/vfio/registers/sketch.js';
import { SvdCache } from '../../src/vfio/registers/svd/svd-cache.js';
import { type SvdContents, parseSvd } from '../../src/vfio/registers/svd/svd-device.js';
import { openSvd } from '../../src/vfio/registers/svd/svd-file.js';
import { deviceXml, peripheralXml } from './svd-fixture.js';

const nrf = gunzipSync(readFileSync('test/fixtures/svd/nrf52840.svd.gz')).toString();

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-svd-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function contentsOf(xml: string): SvdContents {
  const contents = parseSvd(xml, 'chip.svd');
  return 'device' in contents ? contents : assert.fail('it is an SVD file');
}

/** A file with a cache beside it that knows it. */
function kept(
  t: TestContext,
  xml = nrf,
): {
  readonly file: string;
  readonly cache: SvdCache;
  readonly folder: string;
  readonly find: () => ReturnType<SvdCache['find']>;
} {
  const parent = folderOf(t);
  const folder = join(parent, 'a', 'cache');
  const file = join(parent, 'chip.svd');
  writeFileSync(file, xml);
  const cache = new SvdCache(folder);
  const stamped = <T>(use: (stamp: Parameters<SvdCache['find']>[1]) => T): T =>
    withPlainFile(file, { most: 2 ** 26, operation: 'read' }, (stamp) => use(stamp));
  stamped((stamp) => cache.keep(file, stamp, contentsOf(xml)));
  return { file, cache, folder, find: () => stamped((stamp) => cache.find(file, stamp)) };
}

test('what comes out of the cache is what went in', (t) => {
  const everything = deviceXml(
    peripheralXml(
      `<register><name>R[%s]</name><dim>2</dim><dimIncrement>8</dimIncrement><addressOffset>0</addressOffset><size>64</size><resetValue>0xFFFFFFFFFFFFFFFF</resetValue>
       <writeConstraint><range><minimum>1</minimum><maximum>2</maximum></range></writeConstraint>
       <fields><field><name>F</name><bitRange>[3:0]</bitRange><writeConstraint><writeAsRead>true</writeAsRead></writeConstraint>
       <enumeratedValues><enumeratedValue><name>V</name><value>#1xx0</value></enumeratedValue></enumeratedValues></field></fields></register><register/>`,
    ),
  );
  for (const xml of [nrf, everything]) {
    const { device, registers } = contentsOf(xml);
    const found = kept(t, xml).find() ?? assert.fail('it is kept');
    assert.deepEqual(found.device, device);
    const again: (readonly Sketch[])[] = registers.map((_, index) => found.registersOf(index));
    assert.deepEqual(again, registers);
  }
});

test('the cache is for its owner only, and its files appear whole', (t) => {
  const { folder } = kept(t);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  const names = readdirSync(folder);
  assert.equal(names.length, 1);
  assert.equal(statSync(join(folder, names[0] ?? '')).mode & 0o777, 0o600);
});

test('a file that has changed, or another one, is not found', (t) => {
  const changed = kept(t);
  assert.ok(changed.find());
  utimesSync(changed.file, 1, 1);
  assert.equal(changed.find(), undefined);

  const { file, cache } = kept(t);
  withPlainFile(file, { most: 2 ** 26, operation: 'read' }, (stamp) => {
    assert.equal(cache.find(`${file}x`, stamp), undefined, 'another name: problems name the file');
    assert.equal(cache.find(file, { ...stamp, size: stamp.size + 1n }), undefined);
    assert.ok(cache.find(file, stamp));
  });
});

test('a cache that is broken is as if it were not there', (t) => {
  const { folder, find } = kept(t);
  const path = join(folder, readdirSync(folder)[0] ?? '');
  const whole = readFileSync(path);
  const breakages = [
    whole.subarray(0, 100),
    whole.subarray(0, whole.length - 1),
    Buffer.concat([whole, Buffer.from('x')]),
    Buffer.from(whole.map((byte, at) => (at === 500_000 ? byte ^ 1 : byte))),
    Buffer.alloc(0),
    Buffer.from('\n\n\n'),
  ];
  for (const bytes of breakages) {
    writeFileSync(path, bytes);
    assert.equal(find(), undefined);
  }
  writeFileSync(path, whole);
  assert.ok(find());
  rmSync(path);
  mkdirSync(path);
  assert.equal(find(), undefined);
});

test('a folder that is not ours, or cannot be made, is not used', (t) => {
  const { folder, find, file } = kept(t);
  chmodSync(folder, 0o777);
  assert.ok(find(), 'opened to others by mistake: closed again');
  assert.equal(statSync(folder).mode & 0o777, 0o700);

  const link = join(folderOf(t), 'link');
  symlinkSync(folder, link);
  withPlainFile(file, { most: 2 ** 26, operation: 'read' }, (stamp) => {
    assert.equal(new SvdCache(link).find(file, stamp), undefined, 'a link may lead anywhere');
    const nowhere = new SvdCache('/proc/nowhere');
    nowhere.keep(file, stamp, contentsOf(nrf));
    assert.equal(nowhere.find(file, stamp), undefined);
  });
});

test('the oldest files go', (t) => {
  const { folder, cache, file } = kept(t);
  for (let at = 0; at < 40; at += 1) {
    writeFileSync(join(folder, `${at}.svd`), '');
    utimesSync(join(folder, `${at}.svd`), at, at);
  }
  withPlainFile(file, { most: 2 ** 26, operation: 'read' }, (stamp) => cache.keep(file, stamp, contentsOf(nrf)));
  const left = readdirSync(folder);
  assert.equal(left.length, 32);
  assert.ok(!left.includes('0.svd') && left.includes('39.svd'));
});

test('openSvd reads a file once, packed or not, and says what it cannot read', (t) => {
  const folder = folderOf(t);
  const cache = new SvdCache(join(folder, 'cache'));
  const packed = join(folder, 'nrf.svd.gz');
  copyFileSync('test/fixtures/svd/nrf52840.svd.gz', packed);
  const first = openSvd(packed, cache);
  assert.equal(first.device.peripherals.length, 73);
  assert.equal(openSvd(packed, cache), first);
  assert.equal(readdirSync(join(folder, 'cache')).length, 1);

  const latin = join(folder, 'latin.svd');
  writeFileSync(
    latin,
    Buffer.from(
      deviceXml(peripheralXml('', '<description>\u00b5A</description>')).replace('utf-8', 'ISO-8859-1'),
      'latin1',
    ),
  );
  assert.equal(openSvd(latin, cache).device.peripherals[0]?.description, '\u00b5A');

  const wide = join(folder, 'wide.svd');
  writeFileSync(wide, Buffer.from(`\uFEFF${deviceXml(peripheralXml('')).replace('utf-8', 'utf-16')}`, 'utf16le'));
  assert.equal(openSvd(wide, cache).device.name, 'CHIP');

  for (const [bytes, why] of [
    ['<a/>', /bad\.svd:1:1: CMSIS-SVD begins with <device>, not <a>/],
    [Buffer.from([0x1f, 0x8b, 1, 2, 3]), /it cannot be unpacked/],
    ['<?xml version="1.0" encoding="klingon"?><device/>', /its encoding klingon is not known/],
  ] as const) {
    const bad = join(folder, 'bad.svd');
    rmSync(bad, { force: true });
    writeFileSync(bad, bytes);
    assert.throws(
      () => openSvd(bad, cache),
      (error) => error instanceof VfioError && why.test(error.details.why),
    );
  }
  assert.throws(() => openSvd('/dev/zero', cache), VfioError);
  assert.throws(() => openSvd(folder, cache), VfioError);
});
