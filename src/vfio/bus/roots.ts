/** Where the kernel's file trees are; tests put made-up ones in their place. */
export interface Roots {
  readonly sys: string;
  readonly dev: string;
  readonly proc: string;
  /** /etc, for the names of users and groups. */
  readonly etc: string;
  /** /lib/modules: a folder for each kernel. */
  readonly modules: string;
  /** /boot, for the configurations of kernels. */
  readonly boot: string;
  /** Places where pci.ids may be installed, the best first. */
  readonly pciIds: readonly string[];
}

export const systemRoots: Roots = {
  sys: '/sys',
  dev: '/dev',
  proc: '/proc',
  etc: '/etc',
  modules: '/lib/modules',
  boot: '/boot',
  pciIds: ['/usr/share/misc/pci.ids', '/usr/share/hwdata/pci.ids', '/var/lib/pciutils/pci.ids'],
};
