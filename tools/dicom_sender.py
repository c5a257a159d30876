"""A DICOM sender that costs next to nothing, for benchmarks: every PDU is made before the clock starts, so that what is measured is the receiver.
Only the standard library. PS3.8 (upper layer), PS3.7 9.3.1 (C-STORE)."""
import hashlib
import os
import socket
import struct
import time

CT = "1.2.840.10008.5.1.4.1.1.2"
MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.7.3"  # multi-frame grayscale word secondary capture
EXPLICIT = "1.2.840.10008.1.2.1"
LONG = {b"OB", b"OW", b"SQ", b"UN", b"UT"}


def element(group, number, vr, value):
    if isinstance(value, str):
        value = value.encode()
    if vr == b"US":
        value = struct.pack("<H", value)
    if len(value) % 2:
        value += b"\0" if vr in (b"UI", b"OB") else b" "
    head = struct.pack("<HH", group, number) + vr
    return head + (struct.pack("<HI", 0, len(value)) if vr in LONG else struct.pack("<H", len(value))) + value


def header(study, series, instance, number, rows, columns, frames=1, patient="BENCH-1", sop_class=CT, date="20260101"):
    """The data set up to pixel data, about as many attributes as a CT slice has. `study` ... are UIDs."""
    e = element
    out = [
        e(8, 0x05, b"CS", "ISO_IR 192"), e(8, 0x08, b"CS", "ORIGINAL\\PRIMARY\\AXIAL"), e(8, 0x16, b"UI", sop_class), e(8, 0x18, b"UI", instance),
        e(8, 0x20, b"DA", date), e(8, 0x21, b"DA", date), e(8, 0x30, b"TM", "101500"), e(8, 0x31, b"TM", "101600"), e(8, 0x50, b"SH", "ACC" + study[-6:]),
        e(8, 0x60, b"CS", "CT"), e(8, 0x70, b"LO", "Bench"), e(8, 0x80, b"LO", "Hospital"), e(8, 0x90, b"PN", "Referrer^Rita"),
        e(8, 0x1030, b"LO", "Chest routine"), e(8, 0x103E, b"LO", "Axial 1.0"), e(8, 0x1090, b"LO", "Model 1"),
        e(0x10, 0x10, b"PN", "Bench^Patient"), e(0x10, 0x20, b"LO", patient), e(0x10, 0x30, b"DA", "19600101"), e(0x10, 0x40, b"CS", "O"),
        e(0x18, 0x15, b"CS", "CHEST"), e(0x18, 0x50, b"DS", "1.0"), e(0x18, 0x60, b"DS", "120"), e(0x18, 0x1030, b"LO", "Protocol"), e(0x18, 0x1210, b"SH", "B30f"),
        e(0x20, 0x0D, b"UI", study), e(0x20, 0x0E, b"UI", series), e(0x20, 0x10, b"SH", "1"), e(0x20, 0x11, b"IS", "1"), e(0x20, 0x13, b"IS", str(number)),
        e(0x20, 0x32, b"DS", f"-100\\-100\\{number}"), e(0x20, 0x37, b"DS", "1\\0\\0\\0\\1\\0"), e(0x20, 0x52, b"UI", study + ".9"), e(0x20, 0x1041, b"DS", str(number)),
        e(0x28, 0x02, b"US", 1), e(0x28, 0x04, b"CS", "MONOCHROME2"), *([e(0x28, 0x08, b"IS", str(frames))] if frames > 1 else []),
        e(0x28, 0x10, b"US", rows), e(0x28, 0x11, b"US", columns), e(0x28, 0x30, b"DS", "0.7\\0.7"), e(0x28, 0x100, b"US", 16), e(0x28, 0x101, b"US", 12),
        e(0x28, 0x102, b"US", 11), e(0x28, 0x103, b"US", 0), e(0x28, 0x1050, b"DS", "40"), e(0x28, 0x1051, b"DS", "400"), e(0x28, 0x1052, b"DS", "-1024"), e(0x28, 0x1053, b"DS", "1"),
    ]
    return b"".join(out)


class Pixels:
    """Twelve-bit noise; each picture is another window into it, so that no two are equal."""

    def __init__(self, size):
        self.size = size
        raw = bytearray(hashlib.shake_256(b"aceso").digest(size + 65536))
        raw[1::2] = bytes(b & 0x0F for b in raw[1::2])
        self.pool = bytes(raw)

    def of(self, number):
        at = number * 2 % 65536
        return self.pool[at:at + self.size]


def objects(side, count, run, per_series=100, pixels=None):
    """(SOP instance UID, data set) of `count` CT slices of side x side; other runs have other UIDs."""
    pixels = pixels or Pixels(side * side * 2)
    for i in range(count):
        study = f"1.2.826.0.1.3680043.10.1.{run}.{i // per_series + 1}"
        series = study + ".1"
        instance = f"{series}.{i % per_series + 1}"
        head = header(study, series, instance, i % per_series + 1, side, side, patient=f"BENCH-{run}-{i // per_series}")
        yield instance, head + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, pixels.size) + pixels.of(i)


def part10(instance, data_set, sop_class=CT, syntax=EXPLICIT):
    meta = element(2, 1, b"OB", b"\0\1") + element(2, 2, b"UI", sop_class) + element(2, 3, b"UI", instance) + element(2, 0x10, b"UI", syntax) + element(2, 0x12, b"UI", "1.2.826.0.1.3680043.10.2")
    return b"\0" * 128 + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + data_set


def item(kind, body):
    return struct.pack(">BBH", kind, 0, len(body)) + body


def pdv(context, control, data):
    return struct.pack(">IBB", len(data) + 2, context, control) + data


def pdu(kind, body):
    return struct.pack(">BBI", kind, 0, len(body)) + body


class Association:
    """One association with one presentation context. Raises OSError and RuntimeError."""

    def __init__(self, host, port, called, calling="BENCH", sop_class=CT, syntax=EXPLICIT):
        self.sop_class = sop_class
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        context = item(0x20, struct.pack("BBBB", 1, 0, 0, 0) + item(0x30, sop_class.encode()) + item(0x40, syntax.encode()))
        user = item(0x51, struct.pack(">I", 131072)) + item(0x52, b"1.2.826.0.1.3680043.10.2") + item(0x55, b"BENCH")
        body = struct.pack(">HH", 1, 0) + called.ljust(16).encode() + calling.ljust(16).encode() + bytes(32)
        self.socket.sendall(pdu(1, body + item(0x10, b"1.2.840.10008.3.1.1.1") + context + item(0x50, user)))
        kind, answer = self.read_pdu()
        if kind != 2:
            raise RuntimeError(f"the association was refused (PDU type {kind})")
        self.max_pdu = 16384
        at = 68
        while at + 4 <= len(answer):
            what, length = answer[at], struct.unpack_from(">H", answer, at + 2)[0]
            if what == 0x21 and answer[at + 6] != 0:
                raise RuntimeError("the presentation context was refused")
            if what == 0x50 and answer[at + 4] == 0x51:
                self.max_pdu = struct.unpack_from(">I", answer, at + 8)[0] or 131072
            at += 4 + length

    def read_pdu(self):
        head = self.file.read(6)
        if len(head) < 6:
            raise RuntimeError("the connection was closed")
        return head[0], self.file.read(struct.unpack(">I", head[2:])[0])

    def command(self, instance, message):
        def us(number, value):
            return struct.pack("<HHIH", 0, number, 2, value)

        def ui(number, value):
            value = value.encode() + (b"\0" if len(value) % 2 else b"")
            return struct.pack("<HHI", 0, number, len(value)) + value

        rest = ui(2, self.sop_class) + us(0x100, 1) + us(0x110, message) + us(0x700, 0) + us(0x800, 1) + ui(0x1000, instance)
        return pdu(4, pdv(1, 3, struct.pack("<HHII", 0, 0, 4, len(rest)) + rest))

    def message(self, instance, data_set, number):
        """All PDUs of one C-STORE-RQ."""
        out, most = [self.command(instance, number % 65535 + 1)], self.max_pdu - 6
        for at in range(0, len(data_set), most):
            out.append(pdu(4, pdv(1, 2 if at + most >= len(data_set) else 0, data_set[at:at + most])))
        return b"".join(out)

    def status(self):
        """Of the next C-STORE-RSP."""
        kind, body = self.read_pdu()
        if kind != 4:
            raise RuntimeError(f"PDU type {kind} instead of an answer")
        at = 6
        while at + 8 <= len(body):
            group, number, length = struct.unpack_from("<HHI", body, at)
            if (group, number) == (0, 0x900):
                return struct.unpack_from("<H", body, at + 8)[0]
            at += 8 + length
        raise RuntimeError("an answer without a status")

    def store(self, message):
        self.socket.sendall(message)
        status = self.status()
        if status != 0:
            raise RuntimeError(f"status {status:04X}")

    def release(self):
        self.socket.sendall(pdu(5, bytes(4)))
        self.read_pdu()
        self.socket.close()


class Crew:
    """Several associations, a process each. start() makes them ready (associated, PDUs made), go() lets them run and returns the seconds until the last has its last answer."""

    def __init__(self, host, port, called, work):
        """`work`: for each association a callable that yields (SOP instance UID, data set)."""
        self.children = []
        for make in work:
            ready, go, done = os.pipe(), os.pipe(), os.pipe()
            pid = os.fork()
            if pid == 0:
                try:
                    association = Association(host, port, called)
                    messages = [association.message(uid, data, n) for n, (uid, data) in enumerate(make())]
                    os.write(ready[1], b"r")
                    os.read(go[0], 1)
                    for message in messages:
                        association.store(message)
                    os.write(done[1], b"d")
                    association.release()
                    os._exit(0)
                except BaseException as why:  # noqa: BLE001 - the parent must hear of it
                    os.write(2, f"sender: {why}\n".encode())
                    os._exit(1)
            for end in (ready[1], go[0], done[1]):
                os.close(end)
            self.children.append((pid, ready[0], go[1], done[0]))

    def start(self):
        for _, ready, _, _ in self.children:
            if os.read(ready, 1) != b"r":
                raise RuntimeError("a sender could not begin")

    def go(self):
        begin = time.perf_counter()
        for _, _, go, _ in self.children:
            os.write(go, b"g")
        good = all([os.read(done, 1) == b"d" for _, _, _, done in self.children])
        seconds = time.perf_counter() - begin
        for pid, ready, go, done in self.children:
            os.waitpid(pid, 0)
            for end in (ready, go, done):
                os.close(end)
        if not good:
            raise RuntimeError("a sender stopped early")
        return seconds
