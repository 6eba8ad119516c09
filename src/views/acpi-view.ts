import type { AcpiFacts } from '../vfio/devicetree/of-node.js';
import type { Resource } from '../vfio/devicetree/resource.js';
import type { FieldsView } from './view.js';

/** The bits of _STA. Source: ACPI Specification 6.5, 6.3.7. */
const states = ['present', 'enabled', 'shown', 'functioning', 'battery present'];

/** What ACPI and sysfs know of a device. */
export function acpiView(name: string, acpi: AcpiFacts, resources: readonly Resource[]): FieldsView {
  const { path, hid, uid, status } = acpi;
  const set = states.filter((_, bit) => status !== undefined && (status & (1 << bit)) !== 0);
  return {
    kind: 'fields',
    title: name,
    fields: [
      { label: 'described by', value: 'ACPI' },
      ...(path === undefined ? [] : [{ label: 'path', value: path }]),
      ...(hid === undefined ? [] : [{ label: '_HID', value: hid }]),
      ...(uid === undefined ? [] : [{ label: '_UID', value: uid }]),
      ...(status === undefined
        ? []
        : [{ label: '_STA', value: `0x${status.toString(16)}`, note: set.join(', ') || 'not present' }]),
      ...resources.map(({ index, start, size, source }) => ({
        label: `resource ${index}`,
        value: `0x${start.toString(16)} size 0x${size.toString(16)}`,
        note: source,
      })),
    ],
    data: { name, acpi, resources },
  };
}
