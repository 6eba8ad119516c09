import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exactness, fitting, type KnownProfile } from '../../src/vfio/profile/catalog.js';
import type { DeviceIdentity } from '../../src/vfio/profile/identity.js';
import { isOther, type Match, testOf } from '../../src/vfio/profile/match.js';

const nic: DeviceIdentity = {
  bus: 'pci',
  name: '0000:01:00.0',
  compatible: [],
  pci: { vendor: 0x8086, device: 0x10d3, subsystemVendor: 0x8086, subsystemDevice: 0xa01f, class: 0x020000 },
};
const clock: DeviceIdentity = {
  bus: 'amba',
  name: '9010000.pl031',
  compatible: ['arm,pl031', 'arm,primecell'],
  amba: 0x00041031,
};

function profile(name: string, ...match: Match[]): KnownProfile {
  return { name, match, folder: '/', load: () => Promise.resolve({}) };
}

/** The names of the profiles that fit, the best first. */
function order(identity: DeviceIdentity, ...profiles: KnownProfile[]): string[] {
  return fitting(profiles, identity).map(({ name }) => name);
}

function fits(match: Match, identity: DeviceIdentity): boolean {
  return exactness(profile('x', match), identity) > 0;
}

test('the profile that means a PCI device most exactly comes first', () => {
  assert.deepEqual(
    order(
      nic,
      profile('bus', { bus: 'pci' }),
      profile('vendor', { pci: '8086:*' }),
      profile('base class', { class: '02*' }),
      profile('class', { class: '020000' }),
      profile('model', { pci: '8086:10d3' }),
      profile('subsystem vendor', { pci: '8086:10d3:8086:*' }),
      profile('subsystem', { pci: '8086:10d3:8086:a01f' }),
      profile('itself', { name: '0000:01:00.0' }),
      profile('another', { pci: '8086:10d4' }, { class: '0108*' }, { compatible: 'arm,pl031' }),
    ),
    ['itself', 'subsystem', 'subsystem vendor', 'model', 'class', 'base class', 'vendor', 'bus'],
  );
});

test('the profile that means a device of the tree most exactly comes first', () => {
  assert.deepEqual(
    order(
      clock,
      profile('bus', { bus: 'amba' }),
      profile('name', { name: '*.pl031' }),
      profile('family', { compatible: 'arm,pl0*' }),
      profile('part', { amba: '0x00041031' }),
      profile('second', { compatible: 'arm,primecell' }),
      profile('first', { compatible: 'arm,pl031' }),
    ),
    ['first', 'second', 'part', 'family', 'name', 'bus'],
  );
});

test('of equals the first stays first: the user has his own before those that ship', () => {
  assert.deepEqual(order(nic, profile('own', { pci: '8086:10d3' }), profile('shipped', { pci: '8086:10D3' })), [
    'own',
    'shipped',
  ]);
});

test('all of a match has to hold, and one of several matches', () => {
  assert.ok(fits({ pci: '8086:*', class: '0200??' }, nic));
  assert.ok(!fits({ pci: '8086:*', class: '0108??' }, nic));
  assert.ok(exactness(profile('x', { pci: '1af4:*' }, { class: '02????' }), nic) > 0);
  assert.deepEqual(
    order(nic, profile('class', { class: '0200*' }), profile('both', { class: '0200*', pci: '8086:*' })),
    ['both', 'class'],
  );
});

test('wildcards stand for what they say and no more', () => {
  assert.ok(fits({ class: '02??00' }, nic));
  assert.ok(!fits({ class: '02??01' }, nic));
  assert.ok(fits({ pci: '*:10d3' }, nic));
  assert.ok(!fits({ pci: '*:10d3:1028:*' }, nic));
  assert.ok(fits({ compatible: '*,pl031' }, clock));
  assert.ok(!fits({ compatible: 'arm,pl03' }, clock));
  assert.ok(!fits({ compatible: 'arm,pl031*1' }, clock));
  assert.ok(fits({ amba: '0x00041030/0x00ffff00' }, clock));
  assert.ok(!fits({ amba: '0x00141031/0x00ffffff' }, clock));
  assert.ok(fits({ name: '*.pl*' }, clock));
  assert.ok(!fits({ name: 'a*9010000.pl031' }, clock));
});

test('nothing is made of what is not known', () => {
  const unknown: DeviceIdentity = { bus: 'pci', name: '/tmp/x.sock', compatible: [] };
  for (const match of [{ pci: '*:*' }, { class: '*' }, { class: '??????' }, { amba: '0x0/0x0' }, { compatible: '*' }]) {
    const made = testOf(match);
    if (typeof made !== 'string') assert.equal(made(unknown), undefined, JSON.stringify(match));
  }
  assert.ok(fits({ bus: 'pci' }, unknown));
  const noSubsystem: DeviceIdentity = { ...unknown, pci: { vendor: 0x8086, device: 0x10d3 } };
  assert.ok(fits({ pci: '8086:10d3' }, noSubsystem));
  assert.ok(!fits({ pci: '8086:10d3:0000:0000' }, noSubsystem));
  assert.ok(!fits({ class: '02*' }, noSubsystem));
});

test('a match that cannot be meant says what is wrong with it', () => {
  const wrong: [Match, RegExp][] = [
    [{}, /says nothing/],
    [{ pci: '8086' }, /"8086" is no PCI id/],
    [{ pci: '8086:10d3:1' }, /no PCI id/],
    [{ pci: '0x8086:0x10d3' }, /no PCI id/],
    [{ class: '0108' }, /"0108" is no PCI class/],
    [{ class: '01080200' }, /no PCI class/],
    [{ class: 'xx0000' }, /no PCI class/],
    [{ amba: '41031' }, /no AMBA id/],
    [{ amba: '0x100000000' }, /no AMBA id/],
    [{ compatible: '' }, /compatible: it is empty/],
    [{ name: '' }, /name: it is empty/],
  ];
  for (const [match, why] of wrong) assert.match(String(testOf(match)), why);
});

test('a device is another one than was meant only where that is known', () => {
  const served: DeviceIdentity = { bus: 'pci', name: '/run/nic.sock', compatible: [] };
  const unnamed: DeviceIdentity = { bus: 'platform', name: 'ARMH0061:00', compatible: [] };
  const cases: [match: Match, identity: DeviceIdentity, other: boolean][] = [
    [{ pci: '8086:10d3' }, nic, false],
    [{ pci: '8086:10d4' }, nic, true],
    [{ class: '01*' }, nic, true],
    [{ compatible: 'arm,pl031' }, nic, true],
    [{ pci: '8086:10d4' }, served, false],
    [{ class: '01*', bus: 'pci' }, served, false],
    [{ bus: 'platform' }, served, true],
    [{ amba: '0x00041031' }, served, true],
    [{ pci: '8086:10d3' }, clock, true],
    [{ amba: '0x00041011' }, clock, true],
    [{ compatible: 'arm,pl011' }, clock, true],
    [{ compatible: 'arm,pl011' }, unnamed, false],
    [{ name: 'ARMH0062:*' }, unnamed, true],
  ];
  for (const [match, identity, other] of cases) {
    assert.equal(isOther(match, identity), other, `${JSON.stringify(match)} on ${identity.name}`);
  }
});
