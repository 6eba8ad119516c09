// Made from x86_64.s by `npm run stubs`. Do not edit: test/unit/stubs.test.ts assembles and compares.
import type { MachineCode } from './machine-code.js';

export const x86_64: MachineCode = {
  processor: 'x86_64',
  hex:
    '0fb607c3cccccccccccccccccccccccc0fb707c3cccccccccccccccccccccccc8b07c3cccccccccccccccccccccccccc' +
    '488b0748890631c0c3cccccccccccccc40883731c0c3cccccccccccccccccccc66893731c0c3cccccccccccccccccccc' +
    '893731c0c3cccccccccccccccccccccc48893731c0c3cccccccccccccccccccc488d34164989d048f7da74120f1f4000' +
    '0fb6078804164801cf48ffc275f24c89c0c3cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc' +
    '488d34564989d048f7da74130f1f40000fb707668904564801cf48ffc275f14c89c0c3cccccccccccccccccccccccccc' +
    'cccccccccccccccccccccccccccccccc488d34964989d048f7da74110f1f40008b078904964801cf48ffc275f34c89c0' +
    'c3cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc488d34d64989d048f7da74130f1f4000' +
    '488b07488904d64801cf48ffc275f14c89c0c3cccccccccccccccccccccccccccccccccccccccccccccccccccccccccc' +
    '488d34164989d048f7da74110f1f40008a041688074801cf48ffc275f34c89c0c3cccccccccccccccccccccccccccccc' +
    'cccccccccccccccccccccccccccccccc488d34564989d048f7da74130f1f4000668b04566689074801cf48ffc275f14c' +
    '89c0c3cccccccccccccccccccccccccccccccccccccccccccccccccccccccccc488d34964989d048f7da74110f1f4000' +
    '8b049689074801cf48ffc275f34c89c0c3cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc' +
    '488d34d64989d048f7da74130f1f4000488b04d64889074801cf48ffc275f14c89c0c3cccccccccccccccccccccccccc' +
    '31c0eb05b80100000048294e1048895618c3cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc' +
    '4c8b064c8b4e08488b4e1031d24885c974be0fb61748ffc94889d04c21c04c39c874b1f3904885c975e8eba4cccccccc' +
    'cccccccccccccccccccccccccccccccc4c8b064c8b4e08488b4e1031d24885c90f847affffff0fb71748ffc94889d04c' +
    '21c04c39c80f8469fffffff3904885c975e4e959ffffffcccccccccccccccccc4c8b064c8b4e08488b4e1031d24885c9' +
    '0f843affffff8b1748ffc94889d04c21c04c39c80f842afffffff3904885c975e5e91affffffcccccccccccccccccccc' +
    '4c8b064c8b4e08488b4e1031d24885c90f84fafeffff488b1748ffc94889d04c21c04c39c80f84e9fefffff3904885c9' +
    '75e4e9d9feffffcccccccccccccccccc480fbae820c348c1e02c4c01c24809d0c3480fbae808e9befeffffcccccccccc' +
    '8b460885c07e5c83f80574574c8d052dfcffff488b8aa80000004c29c14c8d0d8c0000004c8d1d25010000458b114c39' +
    'd174184983c1084d39d975ef488b0d2d0100004883f9017718eb4c458b51044d01c24c8992a800000048898290000000' +
    'c3ffe1488b0d060100004883f90177f17424e820000000b8270000000f054189c0b8ba0000000f0589fa89c64489c7b8' +
    'ea0000000f05c3488d35b200000031d241ba08000000b80d0000000f05c3cccc00000000a003000040000000a5030000' +
    '90000000a603000093010000a6030000b2020000b103000010000000a003000050000000a5030000d0000000a6030000' +
    'd4010000a6030000f6020000b103000020000000a003000060000000a503000010010000a603000013020000a6030000' +
    '36030000b103000030000000a503000070000000a503000050010000a603000054020000a603000076030000b1030000' +
    '00000000000000000000000000000000000000000000000000000000000000000000000000000000',
  stubs: {
    read8: 0x0,
    read16: 0x10,
    read32: 0x20,
    read64: 0x30,
    write8: 0x40,
    write16: 0x50,
    write32: 0x60,
    write64: 0x70,
    readBlock8: 0x80,
    readBlock16: 0xc0,
    readBlock32: 0x100,
    readBlock64: 0x140,
    writeBlock8: 0x180,
    writeBlock16: 0x1c0,
    writeBlock32: 0x200,
    writeBlock64: 0x240,
    poll8: 0x2a0,
    poll16: 0x2e0,
    poll32: 0x320,
    poll64: 0x360,
  },
  handler: 0x3c0,
  recoveries: 0x470,
  recoveriesEnd: 0x510,
  previous: 0x530,
};
