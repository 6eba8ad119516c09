#!/bin/busybox sh
# Process 1 of a lab guest: makes a root out of the host's folders, runs one script in it, powers off.
# The host shares, over 9p: `exchange` (read and write: settings, script, results), `host` (the root, read only) and
# `checkout` (this project, read only).
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev

share() { # share TAG FOLDER OPTIONS
  mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2" || fail "cannot mount the host's share $1"
}
fail() {
  echo "lab: $1"
  poweroff -f
}

share exchange /exchange rw,cache=none
. /exchange/settings # CHECKOUT: its path on the host; NODE: the folder of Node's program
share host /host ro,cache=loose

# The new root is a tmpfs with the host's folders bound into it, so that mount points can be made anywhere.
mount -t tmpfs -o mode=755 root /root
cd /host
for entry in * .[!.]*; do
  case $entry in proc | sys | dev | run | tmp) continue ;; esac
  if [ -L "$entry" ]; then
    cp -a "$entry" /root/
  elif [ -d "$entry" ]; then
    mkdir "/root/$entry"
    mount --bind "$entry" "/root/$entry"
  fi
done
cd /
mkdir -p /root/proc /root/sys /root/dev /root/run /root/tmp
mount -t proc proc /root/proc
mount -t sysfs sysfs /root/sys
mount -t debugfs debugfs /root/sys/kernel/debug
mount -t devtmpfs dev /root/dev
mkdir -p /root/dev/pts /root/dev/shm
mount -t devpts -o ptmxmode=666 devpts /root/dev/pts
mount -t tmpfs shm /root/dev/shm
ln -s /proc/self/fd /root/dev/fd
mount -t tmpfs -o mode=755 run /root/run
mount -t tmpfs -o mode=1777 tmp /root/tmp
mkdir /root/run/lab /root/run/home /root/run/busybox
mount --bind /exchange /root/run/lab
# A checkout or a Node beneath a folder that is not bound (/tmp, /run) needs its place made.
mkdir -p "/root$CHECKOUT" || fail "no place for the checkout at $CHECKOUT"
share checkout "/root$CHECKOUT" ro,cache=loose
if [ ! -x "/root$NODE/node" ]; then
  mkdir -p "/root$NODE" && mount --bind "/host$NODE" "/root$NODE" || fail "no node in $NODE"
fi
# For what the root has no program of its own.
cp /bin/busybox /root/run/busybox/
chroot /root /run/busybox/busybox --install -s /run/busybox
ip link set lo up
hostname lab

chroot /root /bin/sh /run/lab/script >/exchange/output 2>&1 </dev/null
echo $? >/exchange/exit-code
sync
poweroff -f
