import { busNames } from '../../vfio/bus/bus-device.js';
import { listDevices } from '../../vfio/bus/list.js';
import { models } from '../../vfio/sim/catalog.js';
import type { View } from '../../views/view.js';
import { choice, optional, toggle } from '../arguments.js';
import { defineCommand } from '../command.js';

const filters = [...busNames, 'sim', 'dma'] as const;

export const commands = [
  defineCommand({
    name: 'devices',
    aliases: ['list'],
    group: 'devices',
    summary: 'list the devices of this machine, and what is in the way of opening them',
    details:
      'PCI, AMBA, fsl-mc and CDX devices, the platform devices that the firmware describes, and the simulated ones. Reads sysfs only. ' +
      'A bus name shows that bus alone, sim the simulated devices, dma those that an IOMMU translates.',
    arguments: { filter: optional(choice('which devices', filters)) },
    flags: { ready: toggle('only those that can be opened as things are') },
    effect: 'none',
    needs: 'nothing',
    examples: [
      { line: 'devices', says: 'everything that could be opened' },
      { line: 'devices sim', says: 'the simulated devices' },
    ],
    run(_context, { arguments: { filter }, flags }): View {
      const real = filter === 'sim' ? [] : listDevices();
      const shown = real.filter(
        (device) =>
          (filter === undefined || filter === device.bus || (filter === 'dma' && device.iommuGroup !== undefined)) &&
          (!flags.ready || device.obstacle === undefined),
      );
      const simulated = filter === undefined || filter === 'sim' ? Object.entries(models) : [];
      const rows = [
        ...shown.map((device) => ({
          address: device.name,
          bus: device.bus,
          driver: device.driver ?? '-',
          group:
            device.iommuGroup === undefined
              ? '-'
              : `${device.iommuGroup}${device.groupType === undefined ? '' : ` ${device.groupType}`}`,
          ready: device.obstacle === undefined ? 'ready' : device.obstacle.why,
          description: device.description,
        })),
        ...simulated.map(([name, description]) => ({
          address: `sim:${name}`,
          bus: 'sim',
          driver: '-',
          group: '-',
          ready: 'ready',
          description,
        })),
      ];
      return {
        kind: 'table',
        columns: [
          { key: 'address', header: 'device' },
          { key: 'bus', header: 'bus' },
          { key: 'driver', header: 'driver' },
          { key: 'group', header: 'IOMMU group' },
          { key: 'ready', header: 'VFIO', shrink: true },
          { key: 'description', header: 'what it is', shrink: true },
        ],
        rows,
        empty: filter === undefined ? 'no device' : `no ${filter} device${flags.ready ? ' that can be opened' : ''}`,
        data: [...shown, ...simulated.map(([name, description]) => ({ bus: 'sim', name: `sim:${name}`, description }))],
      };
    },
  }),
];
