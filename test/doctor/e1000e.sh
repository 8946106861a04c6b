#!/usr/bin/env bash
# e1000e: `drivestamp doctor --try` on a card that promises stamps of every packet and gives none:
# QEMU's e1000e, under Debian's kernel, emulated (TCG), against a kept output (e1000e.expected, masked
# by filter.awk; its head says of which run). Nothing is installed: the packages (QEMU with what it
# needs, a kernel, busybox: 100 MB) are unpacked below the cache of the tests. Needs no root.
#
# Takes 15 s once the packages are there, and they take their time: it is for `./check deep`, and for
# a run by hand: test/doctor/e1000e.sh. DS_KEEP=1 writes the output over the kept one.
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
. test/lib.sh
. test/peers.sh

TOOL=$BUILD/tool/drivestamp
[ "$(uname -m)" = x86_64 ] || skip_all "e1000e: the emulated machine runs programs of x86-64"

# ---- QEMU, a kernel, busybox ----

qemu_find()
{
	local package module
	peer_look qemu qemu-system-x86_64 qemu-system-x86 || {
		for package in $(apt-get -s install --no-install-recommends qemu-system-x86 2>/dev/null |
			awk '$1 == "Inst" && $2 ~ /^(lib|qemu|seabios|ipxe)/ && $2 !~ /systemd/ { print $2 }'); do
			peer_fetch "$package" || { peer_why="package $package not fetched"; return 1; }
		done
		peer_look qemu qemu-system-x86_64 qemu-system-x86 || { peer_why="no QEMU"; return 1; }
	}
	qemu=$peer
	qemu_library=$(find "$peer_cache" -name '*.so*' -path '*/lib/*' -printf '%h\n' 2>/dev/null |
		sort -u | tr '\n' ':')
	module=$(find "$peer_cache" -name accel-tcg-x86_64.so 2>/dev/null | head -n 1)
	[ -z "$module" ] || export QEMU_MODULE_DIR=${module%/*}
	qemu_folders=()
	for package in "$peer_cache/qemu-system-data/usr/share/qemu" "$peer_cache/seabios/usr/share/seabios" \
		"$peer_cache/qemu-system-common/usr/share/qemu"; do
		[ ! -d "$package" ] || qemu_folders+=(-L "$package")
	done
	peer_why="QEMU lacks $(LD_LIBRARY_PATH=$qemu_library ldd "$qemu" | awk '/not found/ { printf "%s ", $1 }')"
	! LD_LIBRARY_PATH=$qemu_library ldd "$qemu" | grep -q 'not found'
}

# Of the kernel's package only what is used: it holds 400 MB of modules.
kernel_find()
{
	local package new=$peer_cache/doctor-kernel.new.$$
	kernel=$peer_cache/doctor-kernel
	[ ! -e "$kernel/vmlinuz" ] || return 0
	package=$(apt-cache depends linux-image-amd64 2>/dev/null | awk '$1 == "Depends:" { print $2; exit }')
	peer_why="the package of a kernel not fetched"
	[ -n "$package" ] && mkdir -p "$new" || return 1
	if (cd "$new" && apt-get -qq download "$package" >log 2>&1 &&
		dpkg-deb --fsys-tarfile ./*.deb | tar -x --wildcards './boot/vmlinuz*' '*/e1000e.ko*' &&
		mv boot/vmlinuz* vmlinuz && find . -name 'e1000e.ko*' -exec mv {} . \; && rm -rf ./*.deb lib boot usr) &&
		mv "$new" "$kernel"; then
		return 0
	fi
	rm -rf "$new"
	return 1
}

busybox_find()
{
	busybox=$(command -v busybox) && ! ldd "$busybox" >/dev/null 2>&1 && return 0
	busybox=$peer_cache/busybox-static/bin/busybox
	peer_why="package busybox-static not fetched"
	[ -x "$busybox" ] || peer_fetch busybox-static
	[ -x "$busybox" ] || busybox=$peer_cache/busybox-static/usr/bin/busybox
	[ -x "$busybox" ]
}

for part in qemu kernel busybox; do
	"${part}_find" || skip_all "e1000e: $peer_why"
done

# ---- its file system: busybox, the module, our program and its libraries ----

mkdir -p "$TMP/root"/{bin,proc,sys,dev,lib,run,tmp,etc}
cp "$busybox" "$TMP/root/bin/busybox"
cp "$TOOL" "$TMP/root/bin/drivestamp"
for library in $(ldd "$TOOL" | grep -o '/[^ ]*'); do
	mkdir -p "$TMP/root$(dirname "$library")"
	cp -L "$library" "$TMP/root$library"
done
cp "$kernel"/e1000e.ko* "$TMP/root/lib/"
! compgen -G "$TMP/root/lib/*.xz" >/dev/null || xz -d "$TMP/root/lib"/*.xz
cat >"$TMP/root/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
insmod /lib/e1000e.ko
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
sleep 3 # until the link is there, and IPv6 has its address
drivestamp doctor --try --json >/run/json
echo "JSON $(tr -d '\n' </run/json)"
echo BEGIN
drivestamp doctor --try
echo "END $?"
poweroff -f
END
chmod +x "$TMP/root/init"
(cd "$TMP/root" && find . | "$busybox" cpio -o -H newc 2>/dev/null) | gzip -1 >"$TMP/initrd"

# ---- the run ----

start=$SECONDS
LD_LIBRARY_PATH=$qemu_library timeout 300 "$qemu" "${qemu_folders[@]}" -accel tcg -cpu max -m 256 \
	-nodefaults -display none -no-reboot -serial stdio \
	-kernel "$kernel/vmlinuz" -initrd "$TMP/initrd" -append 'console=ttyS0 quiet panic=-1' \
	-netdev user,id=n -device e1000e,netdev=n,romfile= >"$TMP/console" 2>"$TMP/qemu" </dev/null
tr -d '\r' <"$TMP/console" | sed -n '/^BEGIN$/,/^END/p' | sed '1d; $d' >"$TMP/out"
tr -d '\r' <"$TMP/console" | sed -n 's/^JSON //p' >"$TMP/json"
expect "the machine ran ($((SECONDS - start)) s)" test -s "$TMP/out"
[ -s "$TMP/out" ] || tail -n 5 "$TMP/console" "$TMP/qemu"

awk -v kernel=1 -f test/doctor/filter.awk "$TMP/out" >"$TMP/masked"
if [ -n "${DS_KEEP:-}" ]; then
	{
		echo "# $(date -u +%Y-%m-%d): $(LD_LIBRARY_PATH=$qemu_library "$qemu" --version | head -n 1)," \
			"$(sed -n 's/^drivestamp doctor: [^,]*, \(Linux [^,]*\),.*/\1/p' "$TMP/out"), emulated (TCG)"
		cat "$TMP/masked"
	} >test/doctor/e1000e.expected
fi
expect "as kept" eval 'sed 1d test/doctor/e1000e.expected | diff -u - "$TMP/masked"'
expect "e1000e promises every packet, and is found out in ten, both ways" \
	grep -qE '"sent_card": true, "received_card": true.*"sent_card_silent": true, "received_card_silent": true' "$TMP/json"
expect "and is named" grep -q '"id": "card-silent", "subject": "eth0"' "$TMP/json"
expect "its card was put back" grep -q '"setting": {"sent": false, "received": "none"}' "$TMP/json"
exit $((failures > 0))
