#!/bin/sh
# The last step inside a root file system: mmdebstrap runs this with the tree's path, after all packages are installed.
# mmdebstrap itself removes logs, caches and the machine id afterwards.
set -eu
umask 022
root=$1

# Copies that mmdebstrap made of the building machine's files; a link was made by a package.
for name in resolv.conf hostname; do
    [ -L "$root/etc/$name" ] || rm -f "$root/etc/$name"
done
# The sources of the build: its paths mean nothing in the image.
rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/0000*

# Identities that must not be the same on every machine.
rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub
rm -f "$root"/var/lib/systemd/random-seed "$root"/var/lib/systemd/credential.secret
# What makes new host keys when there are none.
units=$root/etc/systemd/system
if [ -e "$root/usr/lib/systemd/system/sshd-keygen.service" ]; then
    # systemd takes an empty machine id for a later start than the first, and a missing one for a reason to ask questions.
    mkdir -p "$units/sshd-keygen.service.d"
    printf '[Unit]\nConditionFirstBoot=\nConditionPathIsReadWrite=/etc/ssh\n' >"$units/sshd-keygen.service.d/missing-keys.conf"
elif [ -e "$root/usr/lib/systemd/system/ssh.service" ] || [ -e "$root/lib/systemd/system/ssh.service" ]; then
    # Before Debian 13, only the package's installation made them.
    mkdir -p "$units/ssh.service.d"
    printf '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n' \
        >"$units/ssh.service.d/missing-keys.conf"
fi
