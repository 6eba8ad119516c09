/**
 * `_IO(type, number)`: an ioctl request that says nothing of direction or size, as all of VFIO's and iommufd's do.
 * Source: asm-generic/ioctl.h.
 */
export function io(type: string, number: number): number {
  return (type.charCodeAt(0) << 8) | number;
}
