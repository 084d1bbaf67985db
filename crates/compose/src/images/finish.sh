#!/bin/sh
# The last step inside a root file system: mmdebstrap runs this with the tree's path, after all packages are installed.
# What it reads lies beside it. mmdebstrap itself removes logs, caches and the machine id afterwards.
set -eu
umask 022
root=$1
here=${0%/*}

# Copies that mmdebstrap made of the building machine's files; a link was made by a package.
for name in resolv.conf hostname; do
    [ -L "$root/etc/$name" ] || rm -f "$root/etc/$name"
done
# The sources of the build: its paths mean nothing in the image.
rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/0000*

# Identities that must not be the same on every machine.
rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub
rm -f "$root"/var/lib/systemd/random-seed "$root"/var/lib/systemd/credential.secret
if [ -e "$root/usr/lib/systemd/system/ssh.service" ] && [ ! -e "$root/usr/lib/systemd/system/sshd-keygen.service" ]; then
    # Before Debian 13, only the package's installation made host keys.
    mkdir -p "$root/etc/systemd/system/ssh.service.d"
    printf '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n' \
        >"$root/etc/systemd/system/ssh.service.d/host-keys.conf"
fi

# Unpacked by the tree's own tar, so that no link in the tree leads out of it.
chroot "$root" tar --extract --keep-directory-symlink <"$here/files.tar"
if [ -s "$here/passwords" ]; then
    chroot "$root" chpasswd --encrypted <"$here/passwords"
fi
