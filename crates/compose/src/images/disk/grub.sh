# Puts GRUB's modules and its core images into /boot/grub of the root file system that this runs in, as grub-install does on a machine.
#
# Arguments: the UUID of the root file system, GRUB's module for it, and the platforms.
set -eu
umask 022
uuid=$1
filesystem=$2
shift 2
mkdir -p /boot/grub
printf 'search.fs_uuid %s root\nset prefix=($root)/boot/grub\n' "$uuid" >/boot/grub/early.cfg
for platform; do
    modules=/usr/lib/grub/$platform
    mkdir -p "/boot/grub/$platform"
    cp "$modules"/*.mod "$modules"/*.lst "/boot/grub/$platform/"
    case $platform in
    i386-pc)
        core=core.img more=biosdisk
        cp "$modules/boot.img" "/boot/grub/$platform/"
        ;;
    *) core=core.efi more=fat ;;
    esac
    grub-mkimage --format="$platform" --prefix=/boot/grub --config=/boot/grub/early.cfg --output="/boot/grub/$platform/$core" \
        part_gpt "$filesystem" search search_fs_uuid normal $more
done
rm /boot/grub/early.cfg
