import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { namedProfile } from '../../src/vfio/profile/catalog.js';
import { readIdentity, identityOf } from '../../src/vfio/profile/identity.js';
import { isFile, resolveProfile } from '../../src/vfio/profile/resolve.js';
import { checkProfile } from '../../src/vfio/profile/schema.js';
import { shippedProfiles } from '../../src/vfio/profile/shipped/index.js';
import { openDevice } from '../../src/vfio/open.js';
import { selectRegisters } from '../../src/vfio/registers/lookup.js';
import { registerMapOf } from '../../src/vfio/registers/map-format.js';
import { type Register, registersIn } from '../../src/vfio/registers/register-map.js';
import { RegisterSet } from '../../src/vfio/registers/register-set.js';
import { modelNames } from '../../src/vfio/sim/catalog.js';

/** The own registers of a profile that ships, those that it includes left out. */
async function registersOf(name: string): Promise<readonly Register[]> {
  const { registers } = await resolveProfile(await namedProfile(name));
  return registers
    .filter(({ profile }) => profile === name)
    .flatMap(({ source }) =>
      isFile(source) ? [] : [...registersIn(registerMapOf(source, { origin: name }).children)],
    );
}

for (const { name, match, title, load } of shippedProfiles) {
  test(`profile ${name} is one that a person could have written, and all of it can be used`, async () => {
    const { body } = await load();
    const checked = checkProfile({ name, title, match, ...body });
    assert.ok('profile' in checked, 'wrong' in checked ? JSON.stringify(checked.wrong) : '');
    const { registers, restore = [], scripts } = await resolveProfile(await namedProfile(name));
    const set = new RegisterSet();
    for (const { source } of registers) {
      assert.ok(!isFile(source));
      const map = registerMapOf(source, { origin: name });
      assert.deepEqual(map.problems, []);
      set.add(map);
    }
    for (const register of set.registers) {
      assert.equal(register.offset % (register.width / 8), 0, register.path);
      assert.notEqual(register.alternate, true, `${register.path} lies where another register does`);
    }
    for (const pattern of restore) {
      for (const register of selectRegisters(set, pattern)) assert.match(register.access, /rw|wo/, register.path);
      assert.notEqual(selectRegisters(set, pattern).length, 0, pattern);
    }
    for (const { file } of scripts.values()) assert.ok(file !== undefined && statSync(file).isFile());
  });
}

/** Names and offsets by way of linux/nvme.h, linux/virtio_mmio.h, linux/amba/serial.h, e1000e/regs.h and gpio-pl061.c. */
const offsets: Readonly<Record<string, string>> = {
  nvme: `CAP 0 VS 8 INTMS c INTMC 10 CC 14 CSTS 1c NSSR 20 AQA 24 ASQ 28 ACQ 30 CMBLOC 38 CMBSZ 3c BPINFO 40 BPRSEL 44
    BPMBL 48 CMBMSC 50 CRTO 68 PMRCAP e00 PMRCTL e04 PMRSTS e08 PMREBS e0c PMRSWTP e10
    SQTDBL[0] 1000 CQHDBL[0] 1004 SQTDBL[1] 1008 CQHDBL[63] 11fc`,
  'virtio-mmio': `MagicValue 0 Version 4 DeviceID 8 VendorID c DeviceFeatures 10 DeviceFeaturesSel 14 DriverFeatures 20
    DriverFeaturesSel 24 GuestPageSize 28 QueueSel 30 QueueNumMax 34 QueueNum 38 QueueAlign 3c QueuePFN 40 QueueReady 44
    QueueNotify 50 InterruptStatus 60 InterruptACK 64 Status 70 QueueDescLow 80 QueueDescHigh 84 QueueDriverLow 90
    QueueDriverHigh 94 QueueDeviceLow a0 QueueDeviceHigh a4 SHMSel ac SHMLenLow b0 SHMLenHigh b4 SHMBaseLow b8 SHMBaseHigh bc
    ConfigGeneration fc`,
  pl011: `UARTDR 0 UARTRSR 4 UARTFR 18 UARTILPR 20 UARTIBRD 24 UARTFBRD 28 UARTLCR_H 2c UARTCR 30 UARTIFLS 34 UARTIMSC 38
    UARTRIS 3c UARTMIS 40 UARTICR 44 UARTDMACR 48 UARTPeriphID0 fe0 UARTPCellID3 ffc`,
  pl061: `GPIODATA 3fc GPIODIR 400 GPIOIS 404 GPIOIBE 408 GPIOIEV 40c GPIOIE 410 GPIORIS 414 GPIOMIS 418 GPIOIC 41c
    GPIOAFSEL 420 GPIOPeriphID0 fe0`,
  e1000e: `CTRL 0 STATUS 8 EECD 10 EERD 14 CTRL_EXT 18 FLA 1c MDIC 20 FCAL 28 FCAH 2c FCT 30 VET 38 ICR c0 ITR c4 ICS c8 IMS d0
    IMC d8 EIAC dc IAM e0 IVAR e4 EITR[0] e8 EITR[4] f8 RCTL 100 FCTTV 170 TCTL 400 TIPG 410 LEDCTL e00 EXTCNF_CTRL f00 PBA 1000
    FCRTL 2160 FCRTH 2168 RDBAL[0] 2800 RDBAH[0] 2804 RDLEN[0] 2808 RDH[0] 2810 RDT[0] 2818 RDT[1] 2918 RDTR 2820 RXDCTL[0] 2828
    RADV 282c TDBAL[0] 3800 TDBAH[0] 3804 TDLEN[0] 3808 TDH[0] 3810 TDT[0] 3818 TIDV 3820 TXDCTL[1] 3928 TADV 382c TARC[0] 3840
    CRCERRS 4000 MPC 4010 GPRC 4074 GPTC 4080 GORCH 408c TPT 40d4 TSCTFC 40fc IAC 4100 ICRXPTC 4104 ICRXDMTC 4120 ICRXOC 4124 SYMERRS 4008 SEC 4038 RXCSUM 5000 RFCTL 5008
    MTA[0] 5200 MTA[127] 53fc RAL[0] 5400 RAH[15] 547c VFTA[0] 5600 WUC 5800 WUFC 5808 WUS 5810 MRQC 5818 MANC 5820 GCR 5b00
    FACTPS 5b30 SWSM 5b50 FWSM 5b54`,
};

test('offsets are those of the specifications', async () => {
  for (const [name, text] of Object.entries(offsets)) {
    const registers = await registersOf(name);
    for (const [, path = '', offset = ''] of text.matchAll(/(\S+) ([0-9a-f]+)(?=\s|$)/g)) {
      assert.equal(
        registers.find((register) => register.path === path)?.offset,
        Number.parseInt(offset, 16),
        `${name} ${path}`,
      );
    }
  }
});

test('what changes by being read says so', async () => {
  const effects = async (name: string): Promise<string[]> =>
    (await registersOf(name)).filter(({ readEffect }) => readEffect !== undefined).map(({ path }) => path);
  assert.deepEqual(await effects('pl011'), ['UARTDR']);
  assert.deepEqual(await effects('sram'), ['RC', 'RS', 'FIFO']);
  const e1000e = await effects('e1000e');
  const statistics = (await registersOf('e1000e')).filter(({ offset }) => offset >= 0x4000 && offset < 0x4200);
  assert.ok(statistics.length > 50);
  assert.deepEqual(e1000e, ['FACTPS', 'SWSM', 'ICR', ...statistics.map(({ path }) => path)]);
  for (const name of ['edu', 'pl031', 'pl061', 'nvme', 'virtio-mmio', 'pci'])
    assert.deepEqual(await effects(name), [], name);
});

for (const model of modelNames) {
  test(`sim:${model} is what its profile says: the values after a reset, and what can be written`, async () => {
    using device = await openDevice(`sim:${model}`);
    assert.equal(device.profile?.name, model);
    assert.deepEqual(device.warnings, []);
    let compared = 0;
    for (const register of device.registers.registers) {
      const { space, offset, width, access, reset, resetMask = ~0n, readEffect } = register;
      if (reset === undefined || access === 'wo' || readEffect !== undefined) continue;
      const value = BigInt(device.region(space).read(width, offset));
      assert.equal(value & resetMask, reset & resetMask, `${space}.${register.path}`);
      compared += 1;
    }
    assert.ok(compared >= 8, String(compared));
  });

  test(`what is known of sim:${model} without touching it is what it answers`, async () => {
    using device = await openDevice(`sim:${model}`);
    const known = await identityOf(device);
    assert.deepEqual(known, readIdentity(device));
    assert.ok(known.pci !== undefined || known.amba !== undefined);
  });
}
