import { decodePciConfig } from '../../vfio/pci-config.js';
import { pciNames } from '../../vfio/pci-ids.js';
import { VfioError } from '../../vfio/errors.js';
import { readAround } from '../../vfio/registers/read-around.js';
import { configView } from '../../views/config-view.js';
import type { View } from '../../views/view.js';
import { defineCommand } from '../command.js';

export const commands = [
  defineCommand({
    name: 'config',
    group: 'devices',
    summary: 'show the PCI config space decoded: header, BARs, capabilities',
    details:
      'Reads all of the config space once, by 32-bit accesses. The kernel answers parts of it itself (BARs, MSI, MSI-X) as it does ' +
      'for a virtual machine. What a register map says must not be read is left out. dump config shows the bytes, peek config.COMMAND one register.',
    arguments: {},
    flags: {},
    effect: 'read',
    needs: 'device',
    looks: true,
    examples: [{ line: 'config', says: 'what lspci -vv would tell', device: 'sim:edu' }],
    run(context): View {
      const { device } = context;
      // Another device may have a region of that name.
      const config = device.config && context.space(device.config.name);
      if (!config) {
        throw new VfioError({
          kind: 'unsupported',
          operation: 'config',
          device: device.name,
          why: `a device of the ${device.info.bus} bus has no config space`,
          hint: 'regions shows what it has',
        });
      }
      const shape = { offset: 0, width: 32, count: Math.floor(config.size / 4) } as const;
      const cautions = device.registers.cautionsIn(config.name, 0, config.size);
      const block = readAround(config, shape, cautions);
      const unreadable = [...block.faults, ...block.skipped].flatMap(({ index, count }) =>
        Array.from({ length: count * 4 }, (_, byte) => index * 4 + byte),
      );
      const barSizes = Array.from({ length: 6 }, (_, bar) => device.regions.find(({ index }) => index === bar)?.size);
      const decoded = decodePciConfig(block.bytes, { unreadable, barSizes });
      const view = configView(decoded, pciNames(decoded));
      if (block.skipped.length === 0) return view;
      const hex = (word: number): string => `0x${(word * 4).toString(16)}`;
      const lines = block.skipped.map(
        ({ index, count, reason }) => `not read: ${config.name} ${hex(index)}..${hex(index + count)}: ${reason}`,
      );
      return { kind: 'all', views: [...view.views, { kind: 'text', lines }] };
    },
  }),
];
