#!/bin/sh
# A fake mmdebstrap: looks at its arguments as the real one would, then writes a tar file whose package database holds the essential
# packages of the composed repositories and the named ones, without what they depend on. The same repositories give the same bytes.
# Files beside it give orders: `fail`, `hang`, `stranger`. It keeps a list of its command lines in `calls`.
set -eu
here=${0%/*}
echo "$*" >>"$here/calls"

complain() {
    echo "E: fake mmdebstrap: $*" >&2
    exit 2
}

include='' arch='' variant='' mode='' format=''
while [ $# -gt 0 ]; do
    case $1 in
    --mode=root | --mode=unshare) mode=${1#*=} ;;
    --format=tar) format=tar ;;
    --variant=essential | --variant=apt | --variant=required) variant=${1#*=} ;;
    --architectures=*) arch=${1#*=} ;;
    --include=*) include=${1#*=} ;;
    --customize-hook=*) [ -x "${1#*=}" ] || complain "the hook ${1#*=} cannot be run" ;;
    -*) complain "unknown option $1" ;;
    *) break ;;
    esac
    shift
done
[ $# = 3 ] && [ -z "$1" ] || complain "an empty suite, a target and a sources file are expected, not: $*"
[ -n "$mode" ] && [ -n "$format" ] && [ -n "$variant" ] && [ -n "$arch" ] || complain "mode, format, variant or arch is missing"
[ -n "${SOURCE_DATE_EPOCH-}" ] || complain "SOURCE_DATE_EPOCH is not set"
target=$2 sources=$3

if [ -e "$here/fail" ]; then
    seq -f 'I: extracting package %g' 30
    echo 'E: setting up harbour-release failed' >&2
    exit 7
fi
if [ -e "$here/hang" ]; then
    sleep 1000 &
    touch "$here/hanging"
    until [ -e "$here/go-on" ]; do sleep 0.02; done
    kill $!
fi

work=$(mktemp -d -p "$TMPDIR")
sed -n 's,^URIs: copy://,,p' "$sources" >"$work/folders"
[ -s "$work/folders" ] || complain "$sources names no composed repository"
keyring=$(sed -n 's/^Signed-By: //p;1q' "$sources")
[ -z "$keyring" ] || [ -r "$keyring" ] || complain "the keyring $keyring cannot be read"
while read -r folder; do
    found=$(find "$folder/dists" -path "*/binary-$arch/Packages.xz")
    [ -n "$found" ] || complain "$folder has no packages for $arch"
    for index in $found; do
        xz -dc "$index" >>"$work/Packages"
    done
done <"$work/folders"

[ "$variant" = essential ] || include="$include,apt"
mkdir -p "$work/root/var/lib/dpkg"
awk -v RS='' -v include="$include" '
    BEGIN { count = split(include, names, ","); for (i = 1; i <= count; i++) if (names[i] != "") wanted[names[i]] = 1 }
    function field(name,   i) {
        for (i = 1; i <= lines; i++) if (index(line[i], name ": ") == 1) return substr(line[i], length(name) + 3)
        return ""
    }
    {
        lines = split($0, line, "\n")
        name = field("Package")
        if (!(name in wanted) && field("Essential") != "yes") next
        if (name in done) next
        done[name] = 1
        printf "Package: %s\nStatus: install ok installed\nArchitecture: %s\nVersion: %s\n\n", name, field("Architecture"), field("Version")
    }
    END { for (name in wanted) if (!(name in done)) { print "E: Unable to locate package " name > "/dev/stderr"; exit 100 } }
' "$work/Packages" >"$work/root/var/lib/dpkg/status"

[ ! -e "$here/stranger" ] ||
    printf 'Package: stranger\nStatus: install ok installed\nArchitecture: %s\nVersion: 6.6\n\n' "$arch" >>"$work/root/var/lib/dpkg/status"

# A tree in which scripts run: busybox for every program, a kernel, and a dracut that writes what it was told to.
if [ -e "$here/bootable" ]; then
    (
        cd "$work/root"
        mkdir -p boot dev etc/default home media mnt opt proc root run srv sys tmp usr/bin usr/sbin usr/local/bin var/log/apt var/cache/apt
        mkdir -p usr/lib/modules/6.12-quay/kernel usr/lib/dracut/modules.d/98ostree var/lib/systemd
        ln -s usr/bin bin
        ln -s usr/sbin sbin
        ln -s ../run var/run
        ln -s ../bin/busybox usr/sbin/init
        cp "$(command -v busybox)" usr/bin/busybox
        for program in $(usr/bin/busybox --list); do [ -e usr/bin/$program ] || ln -s busybox usr/bin/$program; done
        echo kernel >boot/vmlinuz-6.12-quay
        echo hold >boot/initrd.img-6.12-quay
        echo quay >etc/hostname
        printf 'ID=harbour\nPRETTY_NAME="Harbour Linux"\n' >usr/lib/os-release
        printf 'root:*:20000:0:99999:7:::\n' >etc/shadow
        echo file >dev/null-device
        echo tool >usr/local/bin/tool
        chmod 1777 tmp
        cat >usr/bin/dracut <<'DRACUT'
#!/bin/sh
[ "$*" = "--force --no-hostonly --reproducible --add ostree --zstd --kver 6.12-quay usr/lib/modules/6.12-quay/initramfs.img" ] || exit 9
[ -e usr/lib/ostree/prepare-root.conf ] && [ -d proc/self ] || exit 8
echo "initramfs of $SOURCE_DATE_EPOCH" >usr/lib/modules/6.12-quay/initramfs.img
DRACUT
        chmod 755 usr/bin/dracut
        # Boot loaders, as packages install them, and what makes a core image of GRUB's modules.
        for platform in i386-pc x86_64-efi; do
            mkdir -p usr/lib/grub/$platform
            for name in normal.mod moddep.lst boot.img; do yes "$platform $name" | head -c 512 >usr/lib/grub/$platform/$name; done
        done
        cat >usr/bin/grub-mkimage <<'MKIMAGE'
#!/bin/sh
for word; do
    case $word in
    --format=i386-pc | --format=x86_64-efi) format=${word#*=} ;;
    --prefix=/boot/grub) ;;
    --config=*) config=${word#*=} ;;
    --output=*) output=${word#*=} ;;
    -*) exit 9 ;;
    *) modules="${modules-}$word " ;;
    esac
done
case "$format $modules" in
"i386-pc part_gpt "*" search search_fs_uuid normal biosdisk " | "x86_64-efi part_gpt "*" search search_fs_uuid normal fat ") ;;
*) exit 8 ;;
esac
{
    yes "$format" | head -c 2048
    cat "$config"
} >"$output"
MKIMAGE
        chmod 755 usr/bin/grub-mkimage
        mkdir -p usr/lib/systemd/boot/efi etc/systemd/system
        echo 'systemd-boot' >usr/lib/systemd/boot/efi/systemd-bootx64.efi
        # Each package has a file that tells its version; dash has a large one.
        mkdir -p var/lib/dpkg/info
        awk -F ': ' '$1 == "Package" { package = $2 } $1 == "Version" { print package, $2 }' var/lib/dpkg/status | while read -r package version; do
            mkdir -p "usr/share/$package"
            echo "$version" >"usr/share/$package/version"
            printf '/.\n/usr\n/usr/share/%s/version\n' "$package" >"var/lib/dpkg/info/$package.list"
            [ "$package" = dash ] || continue
            yes "$version" | head -c 2000000 >usr/share/dash/large
            ln usr/share/dash/large usr/share/dash/the-same
            printf '/usr/share/dash/large\n/usr/share/dash/the-same\n' >>var/lib/dpkg/info/dash.list
        done
    )
fi

tar --create --file "$target" --directory "$work/root" --sort=name --numeric-owner --owner=0 --group=0 --mtime="@$SOURCE_DATE_EPOCH" \
    --format=gnu .
rm -rf "$work"
