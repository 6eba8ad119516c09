import type { FieldEntry } from '../../registers/map-description.js';
import type { ShippedBody } from '../description.js';
import { identification } from './primecell.js';

const interrupts: readonly (readonly [name: string, bit: number, says: string])[] = [
  ['OE', 10, 'overrun error'],
  ['BE', 9, 'break error'],
  ['PE', 8, 'parity error'],
  ['FE', 7, 'framing error'],
  ['RT', 6, 'receive timeout'],
  ['TX', 5, 'transmit FIFO at or below its level'],
  ['RX', 4, 'receive FIFO at or above its level'],
  ['DSRM', 3, 'DSR modem status'],
  ['DCDM', 2, 'DCD modem status'],
  ['CTSM', 1, 'CTS modem status'],
  ['RIM', 0, 'RI modem status'],
];

/** The eleven interrupts, named as the manual does: OEIM, OERIS, OEMIS, OEIC. */
function interruptFields(suffix: string): FieldEntry[] {
  return interrupts.map(([name, bits, says]) => ({ name: `${name}${suffix}`, bits, description: says }));
}

const levels = { ONE_EIGHTH: 0, ONE_QUARTER: 1, HALF: 2, THREE_QUARTERS: 3, SEVEN_EIGHTHS: 4 };

export const body: ShippedBody = {
  source: 'Arm DDI 0183, PrimeCell UART (PL011), chapter 3',
  includes: ['platform'],
  regions: { region0: 'uart' },
  interrupts: { irq0: 'uartintr' },
  registers: {
    name: 'pl011',
    space: 'region0',
    registers: [
      {
        name: 'UARTDR',
        offset: 0x000,
        readEffect: 'external',
        description: 'Data: writing puts a character into the transmit FIFO, reading takes one out of the receive FIFO',
        fields: [
          { name: 'OE', bits: 11, access: 'ro', description: 'Overrun error: the FIFO was full' },
          { name: 'BE', bits: 10, access: 'ro', description: 'Break error' },
          { name: 'PE', bits: 9, access: 'ro', description: 'Parity error' },
          { name: 'FE', bits: 8, access: 'ro', description: 'Framing error' },
          { name: 'DATA', bits: '7:0' },
        ],
      },
      {
        name: 'UARTRSR',
        offset: 0x004,
        access: 'wc',
        reset: 0,
        description: 'Receive status (UARTRSR), of the character read last; any write clears it (UARTECR)',
        fields: [
          { name: 'OE', bits: 3, description: 'Overrun error' },
          { name: 'BE', bits: 2, description: 'Break error' },
          { name: 'PE', bits: 1, description: 'Parity error' },
          { name: 'FE', bits: 0, description: 'Framing error' },
        ],
      },
      {
        name: 'UARTFR',
        offset: 0x018,
        access: 'ro',
        reset: 0x90,
        resetMask: 0xf8,
        description: 'Flags; the modem lines are inverted',
        fields: [
          { name: 'RI', bits: 8, description: 'Ring indicator' },
          { name: 'TXFE', bits: 7, description: 'Transmit FIFO empty' },
          { name: 'RXFF', bits: 6, description: 'Receive FIFO full' },
          { name: 'TXFF', bits: 5, description: 'Transmit FIFO full' },
          { name: 'RXFE', bits: 4, description: 'Receive FIFO empty' },
          { name: 'BUSY', bits: 3, description: 'Sending' },
          { name: 'DCD', bits: 2, description: 'Data carrier detect' },
          { name: 'DSR', bits: 1, description: 'Data set ready' },
          { name: 'CTS', bits: 0, description: 'Clear to send' },
        ],
      },
      {
        name: 'UARTILPR',
        offset: 0x020,
        reset: 0,
        fields: [{ name: 'ILPDVSR', bits: '7:0', description: 'IrDA low-power divisor' }],
      },
      {
        name: 'UARTIBRD',
        offset: 0x024,
        reset: 0,
        fields: [{ name: 'BAUD_DIVINT', bits: '15:0', description: 'Integer part of the divisor' }],
      },
      {
        name: 'UARTFBRD',
        offset: 0x028,
        reset: 0,
        fields: [
          { name: 'BAUD_DIVFRAC', bits: '5:0', description: 'Divisor, in 64ths. Divisor = UARTCLK / (16 x baud)' },
        ],
      },
      {
        name: 'UARTLCR_H',
        offset: 0x02c,
        reset: 0,
        description: 'Line control. Writing it takes UARTIBRD and UARTFBRD over',
        fields: [
          { name: 'SPS', bits: 7, description: 'Stick parity' },
          {
            name: 'WLEN',
            bits: '6:5',
            values: { BITS_5: 0, BITS_6: 1, BITS_7: 2, BITS_8: 3 },
            description: 'Word length',
          },
          { name: 'FEN', bits: 4, description: 'FIFOs on' },
          { name: 'STP2', bits: 3, description: 'Two stop bits' },
          { name: 'EPS', bits: 2, values: { ODD: 0, EVEN: 1 }, description: 'Parity, if PEN' },
          { name: 'PEN', bits: 1, description: 'Parity on' },
          { name: 'BRK', bits: 0, description: 'Send break' },
        ],
      },
      {
        name: 'UARTCR',
        offset: 0x030,
        reset: 0x0300,
        description: 'Control. Switch the UART off and let it finish before changing it',
        fields: [
          { name: 'CTSEn', bits: 15, description: 'CTS flow control' },
          { name: 'RTSEn', bits: 14, description: 'RTS flow control' },
          { name: 'Out2', bits: 13 },
          { name: 'Out1', bits: 12 },
          { name: 'RTS', bits: 11, description: 'Request to send' },
          { name: 'DTR', bits: 10, description: 'Data transmit ready' },
          { name: 'RXE', bits: 9, description: 'Receive' },
          { name: 'TXE', bits: 8, description: 'Transmit' },
          { name: 'LBE', bits: 7, description: 'Loop back' },
          { name: 'SIRLP', bits: 2, description: 'IrDA low-power mode' },
          { name: 'SIREN', bits: 1, description: 'IrDA on' },
          { name: 'UARTEN', bits: 0, description: 'UART on' },
        ],
      },
      {
        name: 'UARTIFLS',
        offset: 0x034,
        reset: 0x12,
        description: 'FIFO levels of the interrupts',
        fields: [
          { name: 'RXIFLSEL', bits: '5:3', values: levels, description: 'Receive: full by so much' },
          { name: 'TXIFLSEL', bits: '2:0', values: levels, description: 'Transmit: full by no more than this' },
        ],
      },
      {
        name: 'UARTIMSC',
        offset: 0x038,
        reset: 0,
        description: 'Interrupt mask: 1 lets through',
        fields: interruptFields('IM'),
      },
      {
        name: 'UARTRIS',
        offset: 0x03c,
        access: 'ro',
        reset: 0,
        resetMask: 0x7f0,
        description: 'Raw interrupt status',
        fields: interruptFields('RIS'),
      },
      {
        name: 'UARTMIS',
        offset: 0x040,
        access: 'ro',
        reset: 0,
        resetMask: 0x7f0,
        description: 'Masked interrupt status',
        fields: interruptFields('MIS'),
      },
      {
        name: 'UARTICR',
        offset: 0x044,
        access: 'wo',
        description: 'Interrupt clear: ones clear',
        fields: interruptFields('IC'),
      },
      {
        name: 'UARTDMACR',
        offset: 0x048,
        reset: 0,
        fields: [
          { name: 'DMAONERR', bits: 2, description: 'No receive requests while an error is pending' },
          { name: 'TXDMAE', bits: 1, description: 'Transmit DMA' },
          { name: 'RXDMAE', bits: 0, description: 'Receive DMA' },
        ],
      },
      ...identification('UART', 0x011),
    ],
  },
  cautions: [
    {
      space: 'region0',
      offset: 0x08c,
      size: 4,
      reason: 'UARTTDR, the test data register, takes from the transmit FIFO in test mode',
    },
  ],
  // The divisors before UARTLCR_H, which takes them over; UARTCR, which switches it on, last.
  restore: ['UARTIBRD', 'UARTFBRD', 'UARTLCR_H', 'UARTILPR', 'UARTIFLS', 'UARTDMACR', 'UARTIMSC', 'UARTCR'],
  guest: {
    clocks: [
      { name: 'uartclk', hertz: 24_000_000 },
      { name: 'apb_pclk', hertz: 24_000_000 },
    ],
    notes: ['uartclk must be the rate that the UART really has: the guest computes the baud rate from it.'],
  },
};
