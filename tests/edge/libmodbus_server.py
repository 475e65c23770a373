"""A Modbus server that is libmodbus' own work (Debian's libmodbus5), by ctypes in a process of its own.

`python libmodbus_server.py tcp` prints its port; `… rtu DEVICE UNIT` serves a device and prints "ready".
Holding and input registers i hold the words given on stdin, in hex, from address 0 on.
"""

import ctypes
import socket
import sys

LIB = ctypes.CDLL("libmodbus.so.5")
LIB.modbus_new_tcp.restype = LIB.modbus_new_rtu.restype = LIB.modbus_mapping_new.restype = ctypes.c_void_p
LONGEST = 260


class Mapping(ctypes.Structure):
    """modbus_mapping_t of libmodbus 3.1."""

    _fields_ = (
        *((name, ctypes.c_int) for name in (
            "nb_bits", "start_bits", "nb_input_bits", "start_input_bits",
            "nb_input_registers", "start_input_registers", "nb_registers", "start_registers",
        )),
        ("tab_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_registers", ctypes.POINTER(ctypes.c_uint16)),
        ("tab_registers", ctypes.POINTER(ctypes.c_uint16)),
    )  # fmt: skip


def mapping(words: bytes) -> ctypes.c_void_p:
    count = len(words) // 2
    made = ctypes.c_void_p(LIB.modbus_mapping_new(0, 0, count, count))
    table = ctypes.cast(made, ctypes.POINTER(Mapping)).contents
    for at in range(count):
        word = int.from_bytes(words[2 * at : 2 * at + 2], "big")
        table.tab_registers[at] = table.tab_input_registers[at] = word
    return made


def serve(context: ctypes.c_void_p, table: ctypes.c_void_p) -> None:
    """Answer until the other side is gone; libmodbus itself judges what is asked."""
    query = (ctypes.c_uint8 * LONGEST)()
    while (length := LIB.modbus_receive(context, query)) != -1:
        if length > 0:
            LIB.modbus_reply(context, query, length, table)


def over_tcp(table: ctypes.c_void_p) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        while True:
            connection, _ = listening.accept()
            with connection:
                context = ctypes.c_void_p(LIB.modbus_new_tcp(b"127.0.0.1", 0))
                LIB.modbus_set_socket(context, connection.fileno())
                serve(context, table)


def over_rtu(table: ctypes.c_void_p, device: str, unit: int) -> None:
    context = ctypes.c_void_p(LIB.modbus_new_rtu(device.encode(), 9600, ctypes.c_char(b"N"), 8, 1))
    LIB.modbus_set_slave(context, unit)
    if LIB.modbus_connect(context):
        sys.exit("libmodbus cannot open the device")
    print("ready", flush=True)
    while True:
        serve(context, table)


if __name__ == "__main__":
    registers = mapping(bytes.fromhex(sys.stdin.readline()))
    if sys.argv[1] == "tcp":
        over_tcp(registers)
    else:
        over_rtu(registers, sys.argv[2], int(sys.argv[3]))
