import socket
families = dict(AF_ALG=38, AF_PACKET=17, AF_VSOCK=40, AF_BLUETOOTH=31, AF_CAN=29, AF_TIPC=30, AF_RDS=21, AF_XDP=44, AF_KEY=15, AF_AX25=3, AF_APPLETALK=5, AF_X25=9, AF_LLC=26, AF_KCM=41, AF_SMC=43, AF_QIPCRTR=42, AF_NFC=39, AF_PPPOX=24, AF_IB=27, AF_MPLS=28, AF_CAIF=37, AF_ISDN=34)
for name, number in families.items():
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW):
        attempt(f"{name} {kind}", lambda: socket.socket(number, kind))
for protocol in (2, 4, 5, 6, 9, 12, 15, 16, 20): attempt(f"AF_NETLINK {protocol}", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol))
for family in (socket.AF_INET, socket.AF_INET6):
    for protocol in (1, 58, 255): attempt(f"raw {family} {protocol}", lambda: socket.socket(family, socket.SOCK_RAW, protocol))
for protocol in (132, 136): attempt(f"protocol {protocol}", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol))
left, right = socket.socketpair(); left.send(b"x"); safe("AF_UNIX works") if right.recv(1) == b"x" else vulnerable("AF_UNIX is broken")
