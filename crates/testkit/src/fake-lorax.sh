#!/bin/sh
# A fake lorax: looks at its arguments as the real one would, then lays down the tree of an installer for x86_64, with a boot medium
# and an EFI image that real tools read, and nothing to start in them. Files beside it give orders: `fail`. It keeps a list of its
# command lines in `calls`.
set -eu
here=${0%/*}
echo "$*" >>"$here/calls"

complain() {
    echo "fake lorax: $*" >&2
    exit 2
}

product='' version='' release='' sources='' variant='' arch='' volume='' log='' output=''
while [ $# -gt 0 ]; do
    case $1 in
    --product=?*) product=${1#*=} ;;
    --version=?*) version=${1#*=} ;;
    --release=?*) release=${1#*=} ;;
    --source=?*://?*) sources="$sources ${1#*=}" ;;
    --variant=?*) variant=${1#*=} ;;
    --buildarch=x86_64) arch=${1#*=} ;;
    --volid=?*) volume=${1#*=} ;;
    --logfile=/?*) log=${1#*=} ;;
    --bugurl=?* | --installpkgs=?* | --add-template=?* | --add-arch-template=?* | --rootfs-type=?* | --dracut-arg=?*) ;;
    --add-template-var=?*=* | --add-arch-template-var=?*=*) ;;
    --rootfs-size=?*) [ "${1#*=}" -gt 0 ] || complain "no size: $1" ;;
    --nomacboot | --noupgrade | --isfinal | --skip-branding | --squashfs-only) ;;
    --config)
        [ -f "${2-}" ] || complain "there is no configuration ${2-}"
        shift
        ;;
    -*) complain "unknown option $1" ;;
    *)
        [ $# = 1 ] || complain "one output folder is expected, not: $*"
        output=$1
        ;;
    esac
    shift
done
[ -n "$product" ] && [ -n "$version" ] && [ -n "$release" ] || complain "product, version or release is missing"
[ -n "$sources" ] || complain "a source is missing"
[ -n "$output" ] || complain "the output folder is missing"
[ ! -e "$output" ] || complain "$output is there already"
[ ${#volume} -le 32 ] || complain "the volume id is too long: $volume"
: "$variant"
for source in $sources; do
    case $source in
    file://*) [ -d "${source#file://}" ] || complain "there is no repository $source" ;;
    esac
done
if [ -n "$log" ]; then
    [ -d "${log%/*}" ] || complain "there is no folder for $log"
    echo "fake lorax" >"$log"
    echo "2026-01-01 00:00:00,000: fake lorax" >"${log%/*}/pylorax.log"
fi
if [ -e "$here/fail" ]; then
    {
        echo "2026-01-01 00:00:01,000: Dependency check failed: "
        echo "2026-01-01 00:00:01,000: nothing provides libmissing.so.1 needed by anaconda-1-1.x86_64"
    } >>"${log%/*}/pylorax.log"
    echo "lorax: dependencies are missing" >&2
    exit 1
fi

label=$(echo "$volume" | sed 's/ /\\x20/g')
mkdir -p "$output/isolinux" "$output/images/pxeboot" "$output/EFI/BOOT"
printf 'default linux\nlabel linux\n  kernel vmlinuz\n  append initrd=initrd.img inst.stage2=hd:LABEL=%s quiet\n' "$label" \
    >"$output/isolinux/isolinux.cfg"
printf "search --no-floppy --set=root -l '%s'\nlinuxefi /images/pxeboot/vmlinuz inst.stage2=hd:LABEL=%s quiet\n" "$volume" "$label" \
    >"$output/EFI/BOOT/grub.cfg"
# The real one takes it from the package syslinux; Debian's isolinux has it too, and isohybrid takes no other.
if [ -f /usr/lib/ISOLINUX/isolinux.bin ]; then
    cp /usr/lib/ISOLINUX/isolinux.bin "$output/isolinux/isolinux.bin"
else
    head -c 24576 /dev/zero >"$output/isolinux/isolinux.bin"
fi
echo "boot loader" >"$output/EFI/BOOT/BOOTX64.EFI"
echo "kernel" >"$output/images/pxeboot/vmlinuz"
echo "initial system" >"$output/images/pxeboot/initrd.img"
echo "installer" >"$output/images/install.img"
chmod 0600 "$output/images/pxeboot/initrd.img"
# checkisomd5 finds fault with media of less than a megabyte.
seq 200000 | head -c 1200000 >"$output/isolinux/memtest"
mformat -C -i "$output/images/efiboot.img" -h 2 -t 80 -s 36 ::
mmd -i "$output/images/efiboot.img" ::/EFI ::/EFI/BOOT
mcopy -i "$output/images/efiboot.img" "$output/EFI/BOOT/grub.cfg" "$output/EFI/BOOT/BOOTX64.EFI" ::/EFI/BOOT/
xorriso -as mkisofs -quiet -V "$volume" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table \
    -o "$output/images/boot.iso" "$output/isolinux" >/dev/null 2>&1
implantisomd5 --force "$output/images/boot.iso" >/dev/null
digest() {
    set -- "$1" $(sha256sum "$output/$1")
    echo "$1 = sha256:$2"
}
{
    printf '[general]\nfamily = %s\nversion = %s\narch = %s\n\n' "$product" "$version" "$arch"
    printf '[stage2]\nmainimage = images/install.img\n\n'
    printf '[images-x86_64]\nkernel = images/pxeboot/vmlinuz\ninitrd = images/pxeboot/initrd.img\nboot.iso = images/boot.iso\n\n'
    printf '[checksums]\n'
    for file in images/boot.iso images/efiboot.img images/install.img images/pxeboot/initrd.img images/pxeboot/vmlinuz; do
        digest "$file"
    done
} >"$output/.treeinfo"
