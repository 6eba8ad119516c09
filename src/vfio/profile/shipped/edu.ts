import type { ShippedBody } from '../description.js';

export const body: ShippedBody = {
  source: 'QEMU, docs/specs/edu.rst and hw/misc/edu.c',
  includes: ['pci'],
  registers: {
    name: 'edu',
    space: 'region0',
    registers: [
      {
        name: 'ID',
        offset: 0x00,
        access: 'ro',
        reset: 0x010000ed,
        description: 'Identification',
        fields: [
          { name: 'MAJOR', bits: '31:24', description: 'Major version' },
          { name: 'MINOR', bits: '23:16', description: 'Minor version' },
          { name: 'EDU', bits: '15:0', values: { EDU: 0xed }, description: 'What the device is: 0x00ed' },
        ],
      },
      { name: 'LIVE', offset: 0x04, reset: 0, description: 'Liveness check: reads as the inverse of what was written' },
      {
        name: 'FACT',
        offset: 0x08,
        reset: 0,
        description:
          'Writing n starts the computation of n!, which stands here when STATUS.COMPUTING is 0. Taken while it is 0 only',
      },
      {
        name: 'STATUS',
        offset: 0x20,
        reset: 0,
        fields: [
          { name: 'IRQ_FACT', bits: 7, description: 'Raise the interrupt when a factorial is done' },
          { name: 'COMPUTING', bits: 0, access: 'ro', description: 'A factorial is being computed' },
        ],
      },
      {
        name: 'IRQ_STATUS',
        offset: 0x24,
        access: 'ro',
        reset: 0,
        description:
          'What has raised the interrupt: these two by the device, every bit by IRQ_RAISE. The line is up while it is not 0',
        fields: [
          { name: 'DMA', bits: 8, description: 'A DMA transfer is done' },
          { name: 'FACT', bits: 0, description: 'A factorial is done' },
        ],
      },
      {
        name: 'IRQ_RAISE',
        offset: 0x60,
        access: 'wo',
        description: 'Ones set bits of IRQ_STATUS and raise the interrupt',
      },
      { name: 'IRQ_ACK', offset: 0x64, access: 'wo', description: 'Ones clear bits of IRQ_STATUS' },
      {
        name: 'DMA_SRC',
        offset: 0x80,
        width: 64,
        reset: 0,
        description: "Where DMA reads from: an IOVA, or 0x40000 and on for the device's buffer of 4096 bytes",
      },
      { name: 'DMA_DST', offset: 0x88, width: 64, reset: 0, description: 'Where DMA writes to, in the same terms' },
      { name: 'DMA_COUNT', offset: 0x90, width: 64, reset: 0, description: 'Bytes' },
      {
        name: 'DMA_CMD',
        offset: 0x98,
        width: 64,
        reset: 0,
        description: 'The DMA registers can be written only while RUN is 0',
        fields: [
          { name: 'IRQ', bits: 2, description: 'Raise the interrupt (IRQ_STATUS.DMA) at the end' },
          {
            name: 'DIR',
            bits: 1,
            values: { FROM_MEMORY: 0, TO_MEMORY: 1 },
            description: "Memory to the device's buffer, or back",
          },
          { name: 'RUN', bits: 0, description: 'Write 1 to begin; reads 1 until it is done' },
        ],
      },
    ],
  },
  // Not FACT and DMA_CMD: writing them starts something.
  restore: ['LIVE', 'STATUS', 'DMA_SRC', 'DMA_DST', 'DMA_COUNT'],
  scripts: {
    bringup: { file: 'edu-bringup.vfio', summary: 'identification, liveness, a factorial with its interrupt' },
    dma: { file: 'edu-dma.vfio', summary: 'a pattern through the DMA engine and back' },
  },
  notes: [
    'Below 0x80 accesses are of 4 bytes, from there on of 4 or 8; others read as all ones or 0.',
    'DMA addresses have 28 bits unless QEMU is told otherwise (-device edu,dma_mask=...).',
  ],
};
