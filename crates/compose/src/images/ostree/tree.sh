# Makes an OSTree tree of the root file system that this runs in: /usr is all that is shipped, /var begins empty, the kernel lies beside its
# modules with an initramfs that finds deployments. /etc stays where it is: who commits the tree moves it to /usr/etc.
#
# The layout: ostree(1), "Adapting existing mainstream distributions". Arguments: the kernel's version.
set -eu
umask 022
version=$1
modules=usr/lib/modules/$version
cd /

fail() {
    echo "$1" >&2
    exit 3
}

[ -d "$modules" ] || fail "there are no modules of the kernel $version"
ls usr/lib/dracut/modules.d/*ostree >/dev/null 2>&1 || fail "dracut has no module 'ostree': is the package ostree-boot there?"

# The initramfs reads this: it has to be there before dracut runs.
if [ ! -e etc/ostree/prepare-root.conf ] && [ ! -e usr/lib/ostree/prepare-root.conf ]; then
    mkdir -p usr/lib/ostree
    printf '[sysroot]\nreadonly = true\n\n[composefs]\nenabled = maybe\n' >usr/lib/ostree/prepare-root.conf
fi
if [ -e "boot/vmlinuz-$version" ]; then
    mv "boot/vmlinuz-$version" "$modules/vmlinuz"
else
    mv "boot/vmlinux-$version" "$modules/vmlinuz"
fi
# With times that are the same on each day: the same files are the same initramfs, which nobody fetches again.
SOURCE_DATE_EPOCH=0 dracut --force --no-hostonly --reproducible --add ostree --zstd --kver "$version" "$modules/initramfs.img"
chmod 644 "$modules/initramfs.img"

# What only the build needed, or what each machine has of its own.
for folder in boot dev run tmp; do
    rm -rf "$folder"/* "$folder"/.[!.]* "$folder"/..?*
done
rm -f vmlinuz vmlinuz.old initrd.img initrd.img.old

# The package database belongs to /usr, which it describes.
mkdir -p usr/lib/sysimage
mv var/lib/dpkg usr/lib/sysimage/dpkg

# Folders of the machine's own lie in /var; what packages have put into them is copied there when a machine has none.
move() {
    [ -d "$1" ] && [ ! -L "$1" ] || return 0
    if [ -n "$(ls -A "$1")" ]; then
        mkdir -p "$(dirname "var/$2")"
        mv "$1" "var/$2"
    else
        rmdir "$1"
    fi
}
for name in home srv mnt opt; do
    move $name $name
    [ -e $name ] || ln -s var/$name $name
done
move root roothome
[ -e root ] || ln -s var/roothome root
move usr/local usrlocal
[ -e usr/local ] || ln -s ../var/usrlocal usr/local
move media media
[ -e media ] || ln -s run/media media
mkdir -p sysroot
[ -e ostree ] || ln -s sysroot/ostree ostree

rm -rf var/run var/lock var/tmp
mkdir -p usr/share/factory usr/lib/tmpfiles.d
mv var usr/share/factory/var
mkdir var
{
    echo '# What /var has on a machine that was made of this tree; the package database is a part of the tree.'
    echo 'd /var/home 0755 root root -'
    echo 'd /var/roothome 0700 root root -'
    for name in srv mnt opt usrlocal log cache lib spool; do echo "d /var/$name 0755 root root -"; done
    echo 'd /var/log/apt 0755 root root -'
    echo 'd /var/tmp 1777 root root -'
    echo 'd /run/media 0755 root root -'
    echo 'L /var/run - - - - ../run'
    echo 'L /var/lock - - - - ../run/lock'
    echo 'L /var/lib/dpkg - - - - ../../usr/lib/sysimage/dpkg'
    cd usr/share/factory
    # A folder that is there already is filled entry by entry.
    for folder in var var/lib var/cache var/log var/spool; do
        [ -d $folder ] || continue
        for path in "$folder"/*; do
            case $path in
            var/lib | var/cache | var/log | var/spool | *'*' | *' '*) ;;
            *) [ ! -e "$path" ] || echo "C /$path - - - - /usr/share/factory/$path" ;;
            esac
        done
    done
    cd /
} >usr/lib/tmpfiles.d/ostree-var.conf
