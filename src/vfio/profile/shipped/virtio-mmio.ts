import type { RegisterEntry } from '../../registers/map-description.js';
import type { ShippedBody } from '../description.js';

/** Source: virtio 1.2, section 5. */
const devices = {
  NONE: 0,
  NET: 1,
  BLOCK: 2,
  CONSOLE: 3,
  ENTROPY: 4,
  BALLOON_TRADITIONAL: 5,
  RPMSG: 7,
  SCSI: 8,
  P9: 9,
  BALLOON: 13,
  GPU: 16,
  CLOCK: 17,
  INPUT: 18,
  SOCKET: 19,
  CRYPTO: 20,
  PSTORE: 22,
  IOMMU: 23,
  MEMORY: 24,
  SOUND: 25,
  FILE_SYSTEM: 26,
  PMEM: 27,
  RPMB: 28,
  VIDEO_ENCODER: 30,
  VIDEO_DECODER: 31,
  SCMI: 32,
  I2C: 34,
  WATCHDOG: 35,
  CAN: 36,
  BLUETOOTH: 40,
  GPIO: 41,
};

/** The two halves of a 64-bit address or length, which are registers of 32 bits. */
function halves(name: string, offset: number, access: string, description: string): RegisterEntry[] {
  return [
    { name: `${name}Low`, offset, access, description: `${description}, bits 31 to 0` },
    { name: `${name}High`, offset: offset + 4, access, description: `${description}, bits 63 to 32` },
  ];
}

export const body: ShippedBody = {
  source: 'Virtual I/O Device (VIRTIO) 1.2, sections 4.2.2 and 4.2.4 (legacy)',
  includes: ['platform'],
  regions: { region0: 'virtio' },
  registers: {
    name: 'virtio_mmio',
    space: 'region0',
    registers: [
      { name: 'MagicValue', offset: 0x000, access: 'ro', reset: 0x74726976, description: '"virt", little endian' },
      {
        name: 'Version',
        offset: 0x004,
        access: 'ro',
        fields: [{ name: 'Version', bits: '31:0', values: { LEGACY: 1, VIRTIO_1: 2 } }],
      },
      {
        name: 'DeviceID',
        offset: 0x008,
        access: 'ro',
        description: 'What the device is; 0 is a place without one',
        fields: [{ name: 'ID', bits: '31:0', values: devices }],
      },
      { name: 'VendorID', offset: 0x00c, access: 'ro', description: "The subsystem's vendor; QEMU's is 0x554d4551" },
      {
        name: 'DeviceFeatures',
        offset: 0x010,
        access: 'ro',
        description: 'Bits DeviceFeaturesSel * 32 and on of what it offers',
      },
      { name: 'DeviceFeaturesSel', offset: 0x014, access: 'wo', description: 'Which 32 bits DeviceFeatures shows' },
      {
        name: 'DriverFeatures',
        offset: 0x020,
        access: 'wo',
        description: 'Bits DriverFeaturesSel * 32 and on of what the driver takes',
      },
      { name: 'DriverFeaturesSel', offset: 0x024, access: 'wo', description: 'Which 32 bits DriverFeatures means' },
      { name: 'GuestPageSize', offset: 0x028, access: 'wo', description: 'Legacy: bytes of a page, for QueuePFN' },
      {
        name: 'QueueSel',
        offset: 0x030,
        access: 'wo',
        description: 'The queue that the registers of 0x034 to 0x0a4 and 0x0c0 mean',
      },
      {
        name: 'QueueNumMax',
        offset: 0x034,
        access: 'ro',
        description: 'Entries of the queue at the most; 0: there is no such queue',
      },
      { name: 'QueueNum', offset: 0x038, access: 'wo', description: 'Entries that the driver uses' },
      { name: 'QueueAlign', offset: 0x03c, access: 'wo', description: 'Legacy: alignment of the used ring' },
      { name: 'QueuePFN', offset: 0x040, description: "Legacy: the queue's page number; 0 is off" },
      { name: 'QueueReady', offset: 0x044, fields: [{ name: 'READY', bits: 0, description: 'The queue is in use' }] },
      { name: 'QueueNotify', offset: 0x050, access: 'wo', description: 'The number of a queue with new buffers' },
      {
        name: 'InterruptStatus',
        offset: 0x060,
        access: 'ro',
        description: 'Reading does not clear it: InterruptACK does',
        fields: [
          { name: 'CONFIG', bits: 1, description: 'The configuration has changed' },
          { name: 'VRING', bits: 0, description: 'Buffers of a queue have been used' },
        ],
      },
      {
        name: 'InterruptACK',
        offset: 0x064,
        access: 'wo',
        fields: [
          { name: 'CONFIG', bits: 1 },
          { name: 'VRING', bits: 0 },
        ],
      },
      {
        name: 'Status',
        offset: 0x070,
        reset: 0,
        description: 'Writing 0 resets the device; other writes set bits',
        fields: [
          { name: 'FAILED', bits: 7, description: 'The driver has given up' },
          { name: 'DEVICE_NEEDS_RESET', bits: 6, description: 'The device cannot go on' },
          { name: 'FEATURES_OK', bits: 3, description: 'Features are agreed on' },
          { name: 'DRIVER_OK', bits: 2, description: 'The driver is ready' },
          { name: 'DRIVER', bits: 1, description: 'A driver knows the device' },
          { name: 'ACKNOWLEDGE', bits: 0, description: 'A system has seen it' },
        ],
      },
      ...halves('QueueDesc', 0x080, 'wo', "The queue's descriptor area"),
      ...halves('QueueDriver', 0x090, 'wo', "The queue's driver area (available ring)"),
      ...halves('QueueDevice', 0x0a0, 'wo', "The queue's device area (used ring)"),
      { name: 'SHMSel', offset: 0x0ac, access: 'wo', description: 'The shared memory that the next four mean' },
      ...halves('SHMLen', 0x0b0, 'ro', 'Its length; all ones: there is none'),
      ...halves('SHMBase', 0x0b8, 'ro', 'Its physical address'),
      {
        name: 'QueueReset',
        offset: 0x0c0,
        fields: [{ name: 'RESET', bits: 0, description: 'Write 1 to reset the queue; reads 0 when it is done' }],
      },
      {
        name: 'ConfigGeneration',
        offset: 0x0fc,
        access: 'ro',
        description: 'Changes with the configuration: read it before and after',
      },
    ],
  },
  // Everything behind QueueSel belongs to a driver that is running; a device is brought up, not restored.
  restore: [],
  notes: [
    "The device's own configuration lies from 0x100 on, at widths of 8, 16 and 32 bits; the registers before it take 32 bits only.",
    'Write-only registers read as 0.',
  ],
};
