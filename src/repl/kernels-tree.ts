/** The value of the option `dtb` that means the tree which the kernel has. */
export const KERNELS_TREE = 'kernel';
