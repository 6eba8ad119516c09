import type { Device } from '../../vfio/device.js';
import { VfioError } from '../../vfio/errors.js';
import type { Region } from '../../vfio/region.js';
import type { TableView, View } from '../../views/view.js';
import { choice, deviceAddress, optional, profileName, space } from '../arguments.js';
import { type Context, defineCommand } from '../command.js';

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

function opened(context: Context): View {
  const { device } = context.session;
  if (!device) return { kind: 'text', lines: ['no device is open'] };
  const { via, transport, info } = device;
  const group = transport.group === undefined ? '' : `, IOMMU group ${transport.group}`;
  const lines = [
    `${device.name}: ${info.bus} device by ${via}${group}; ${device.regions.map(({ name }) => name).join(', ')}`,
  ];
  for (const warning of device.warnings) lines.push(`warning: ${warning}`);
  return { kind: 'text', lines };
}

/** The profile in force, and where it is from. */
function profileOf({ profile }: Device): { value: string; note?: string } {
  if (profile === undefined) return { value: 'none' };
  const note = [
    ...(profile.title === undefined ? [] : [profile.title]),
    ...(profile.file === undefined ? [] : [profile.file]),
  ];
  return { value: profile.name, ...(note.length > 0 && { note: note.join('; ') }) };
}

/** Why no access goes by a mapped window, where that is so of the whole device. */
function whyUnmapped(device: Device): string | undefined {
  if (device.via === 'snapshot') return 'a snapshot has values, and no device behind them';
  return device.mmap ? device.accessFallback : 'mapping is switched off (option mmap)';
}

/** 'rw map' and what else VFIO says of a region, in few columns. */
function flagsOf({ info }: Region): string {
  const words = [
    ...(info.readable || info.writable ? [`${info.readable ? 'r' : ''}${info.writable ? 'w' : ''}`] : []),
    ...(info.mappable ? ['map'] : []),
    ...(info.msixMappable ? ['msix-mappable'] : []),
    ...(info.type ? [`type ${hex(info.type.type)}/${info.type.subtype}`] : []),
  ];
  return words.join(' ') || 'none';
}

function regionTable(regions: readonly Region[]): TableView {
  const rows = regions.flatMap((region) =>
    region.windows.map((window, nth) => ({
      region: nth === 0 ? [region.name, ...region.aliases].join(' ') : '',
      size: nth === 0 ? hex(region.size) : '',
      flags: nth === 0 ? flagsOf(region) : '',
      window: `${hex(window.start)}..${hex(window.end)}`,
      path: window.path,
      why: window.why,
    })),
  );
  return {
    kind: 'table',
    columns: [
      { key: 'region', header: 'region' },
      { key: 'size', header: 'size', align: 'right' },
      { key: 'flags', header: 'VFIO' },
      { key: 'window', header: 'window' },
      { key: 'path', header: 'path' },
      { key: 'why', header: 'why', shrink: true },
    ],
    rows,
    empty: 'the device has no regions',
    data: regions.map((region) => ({
      index: region.index,
      name: region.name,
      aliases: region.aliases,
      size: region.size,
      flags: region.info.flags,
      fileOffset: hex(region.info.fileOffset),
      windows: region.windows,
    })),
  };
}

export const commands = [
  defineCommand({
    name: 'open',
    group: 'devices',
    summary: 'open a device and make it the current one',
    details:
      'DEVICE is a PCI address (0000:01:00.0 or 01:00.0), a platform or AMBA name (fe101300.dma, 9010000.pl031), the ' +
      'socket of a vfio-user server (/path/to.sock or unix:PATH), a simulated device (sim:edu), or a snapshot (snapshot:FILE). ' +
      'Opening accesses nothing: no register, no interrupt, no bus mastering. The profile that fits the device gives names and registers ' +
      '(profile shows it); --profile takes another, or none. A profile that is a module (.mjs) is code, which runs.',
    arguments: { device: deviceAddress('the device to open') },
    flags: {
      via: optional(choice("the kernel's way in", ['group', 'cdev'])),
      profile: optional(profileName('the profile; by default the one that fits', ['none'])),
    },
    effect: 'none',
    needs: 'nothing',
    examples: [
      { line: 'open sim:edu', says: "the simulator's model of QEMU's edu device" },
      { line: 'open sim:sram --profile none', says: 'by offsets alone: no register has a name' },
    ],
    async run(context, { arguments: { device }, flags: { via, profile } }): Promise<View> {
      await context.session.open(device, {
        ...(via !== undefined && { via }),
        ...(profile !== undefined && { profile }),
      });
      return opened(context);
    },
  }),

  defineCommand({
    name: 'close',
    group: 'devices',
    summary: 'close the current device, or the one that is named',
    arguments: { device: optional(deviceAddress('an open device')) },
    flags: {},
    effect: 'none',
    needs: 'device',
    examples: [{ line: 'close', says: 'release the device, its mappings and interrupts', device: 'sim:edu' }],
    async run(context, { arguments: { device: name } }): Promise<View> {
      const device = name === undefined ? context.device : await context.session.find(name);
      if (!device) {
        const names = context.session.devices.map((one) => one.name).join(', ');
        throw new VfioError({
          kind: 'absent',
          operation: `close ${name}`,
          why: 'it is not open',
          hint: `open are: ${names}`,
        });
      }
      context.session.close(device);
      return { kind: 'text', lines: [`${device.name}: closed`] };
    },
  }),

  defineCommand({
    name: 'info',
    group: 'devices',
    summary: 'show what VFIO says of the device, and how it is accessed',
    arguments: {},
    flags: {},
    effect: 'none',
    needs: 'device',
    looks: true,
    examples: [{ line: 'info', says: 'the device at a glance', device: 'sim:edu' }],
    run({ device }): View {
      const { info, transport } = device;
      const fallback = whyUnmapped(device);
      const irqs = device.irqInfos.filter(({ count }) => count > 0);
      const interrupts = [...device.irqs].map(({ name, info: { count } }) =>
        count === 1 ? name : `${name} (${count} vectors)`,
      );
      const data = {
        name: device.name,
        via: device.via,
        bus: info.bus,
        flags: info.flags,
        resettable: info.resettable,
        group: transport.group ?? null,
        regions: device.regions.map(({ name, size }) => ({ name, size })),
        interrupts: irqs,
        profile: device.profile?.name ?? null,
        readOnly: device.readOnly,
        mapping: fallback === undefined,
        warnings: device.warnings,
        lost: device.gate.lost?.why ?? null,
      };
      return {
        kind: 'fields',
        title: device.name,
        fields: [
          { label: 'way in', value: device.via },
          { label: 'bus', value: info.bus, note: `flags ${hex(info.flags)}` },
          ...(transport.group === undefined ? [] : [{ label: 'IOMMU group', value: transport.group }]),
          { label: 'reset', value: info.resettable ? 'yes' : 'no' },
          {
            label: 'regions',
            value: device.regions.map(({ name, size }) => `${name} ${hex(size)}`).join(', ') || 'none',
          },
          {
            label: 'interrupts',
            value: interrupts.join(', ') || 'none',
          },
          {
            label: 'mapped access',
            value: fallback === undefined ? 'yes, where regions shows a mapped window' : 'no',
            ...(fallback !== undefined && { note: fallback }),
          },
          { label: 'profile', ...profileOf(device) },
          { label: 'session', value: device.readOnly || device.via === 'snapshot' ? 'read-only' : 'read and write' },
          ...device.warnings.map((warning) => ({ label: 'warning', value: warning })),
          ...(device.gate.lost ? [{ label: 'lost', value: device.gate.lost.why }] : []),
        ],
        data,
      };
    },
  }),

  defineCommand({
    name: 'regions',
    group: 'devices',
    summary: 'list the regions, and the windows by which their parts are reached',
    details:
      "A mapped window is accessed by the processor's own loads and stores; file is pread and pwrite on the device's fd, message " +
      'a vfio-user message. Each says why. Nothing is mapped before its first access.',
    arguments: {},
    flags: {},
    effect: 'none',
    needs: 'device',
    looks: true,
    examples: [{ line: 'regions', says: 'regions, their sizes, and the paths to them', device: 'sim:sram' }],
    run: ({ device }): View => regionTable(device.regions),
  }),

  defineCommand({
    name: 'use',
    group: 'devices',
    summary: 'choose the space that an offset without one is in',
    arguments: { space: optional(space('the space; none goes back to region0 or whatever comes first')) },
    flags: {},
    effect: 'none',
    needs: 'device',
    examples: [
      { line: 'use config; peek 0x0', says: 'read from the config space without naming it', device: 'sim:edu' },
    ],
    run(context, { arguments: { space: chosen } }): void {
      context.session.use(chosen);
    },
  }),

  defineCommand({
    name: 'reset',
    group: 'devices',
    summary: 'reset the device, by VFIO_DEVICE_RESET',
    arguments: {},
    flags: {},
    effect: 'reset',
    needs: 'device',
    examples: [{ line: 'reset', says: 'back to its state after power-on, as far as VFIO can', device: 'sim:sram' }],
    run({ device }): View {
      device.reset();
      return { kind: 'text', lines: [`${device.name}: reset`] };
    },
    toJs: () => 'device.reset()',
  }),
];
